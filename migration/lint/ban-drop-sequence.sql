DROP SEQUENCE user_id_seq;
