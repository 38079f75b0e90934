ALTER TABLE "user" ADD COLUMN age integer NOT NULL;
