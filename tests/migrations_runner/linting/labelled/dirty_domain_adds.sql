-- expect: domain-with-constraint@3
-- catalog: none
ALTER DOMAIN email ADD CONSTRAINT has_dot CHECK (value LIKE '%.%');
