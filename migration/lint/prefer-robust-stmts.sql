CREATE INDEX CONCURRENTLY user_nickname ON "user" (nickname);
