-- expect: clean
-- catalog: none
CREATE DOMAIN handle AS text;
