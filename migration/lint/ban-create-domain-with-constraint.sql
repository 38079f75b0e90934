CREATE DOMAIN age AS integer CHECK (value > 0);
