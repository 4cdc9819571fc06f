-- expect: clean
-- catalog: none
DELETE FROM sessions WHERE expires < now() - interval '30 days';
