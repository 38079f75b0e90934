ALTER DOMAIN age ADD CONSTRAINT positive CHECK (value > 0);
