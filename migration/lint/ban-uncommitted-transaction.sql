BEGIN;
ALTER TABLE "user" ADD COLUMN nickname text;
