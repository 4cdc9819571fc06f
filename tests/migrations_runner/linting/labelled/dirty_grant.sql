-- expect: privileges-change@3
-- catalog: none
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reporter;
