-- expect: row-security-changes@3 policy-changes@4
-- catalog: books
ALTER TABLE books ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON books USING (account_id = current_setting('app.account')::uuid);
