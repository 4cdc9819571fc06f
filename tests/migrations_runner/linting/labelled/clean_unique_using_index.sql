-- expect: clean
-- catalog: books
ALTER TABLE accounts ADD CONSTRAINT accounts_email2_key UNIQUE USING INDEX accounts_email_uniq2;
