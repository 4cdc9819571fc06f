-- expect: index-blocks-writes@3
-- catalog: books
CREATE UNIQUE INDEX accounts_plan_email ON accounts (plan, email);
