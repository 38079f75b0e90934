ALTER TABLE "user" SET SCHEMA accounts;
