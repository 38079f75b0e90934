ALTER TABLE "user" ADD COLUMN lucky double precision DEFAULT random();
