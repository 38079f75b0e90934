DROP SCHEMA accounts;
