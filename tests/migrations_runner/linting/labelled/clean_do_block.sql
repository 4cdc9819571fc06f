-- expect: clean
-- catalog: none
DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'x') THEN RAISE NOTICE 'none'; END IF; END $$;
