-- expect: key-builds-index@3
-- catalog: books
ALTER TABLE accounts ADD CONSTRAINT accounts_plan_key UNIQUE (plan);
