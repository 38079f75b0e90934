ALTER TABLE "user" ADD CONSTRAINT user_nickname UNIQUE (nickname);
