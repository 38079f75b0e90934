CREATE INDEX user_nickname ON "user" (nickname);
