ALTER TABLE "user" RENAME TO person;
