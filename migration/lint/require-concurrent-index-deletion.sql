DROP INDEX user_nickname;
