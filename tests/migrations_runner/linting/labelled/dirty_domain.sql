-- expect: domain-with-constraint@3
-- catalog: none
CREATE DOMAIN email AS text CHECK (value LIKE '%@%');
