DROP VIEW active_user;
