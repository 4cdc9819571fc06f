-- expect: outer-column-capture@4
-- catalog: world
SELECT p.title FROM projects p JOIN universes u
  ON u.account_id = u.account_id WHERE p.status = 'draft';
