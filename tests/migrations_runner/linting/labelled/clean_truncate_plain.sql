-- expect: clean
-- catalog: none
TRUNCATE staging_import;
