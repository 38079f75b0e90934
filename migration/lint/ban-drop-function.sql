DROP FUNCTION initials (text);
