-- expect: clean
-- catalog: world
CREATE VIEW drafts AS SELECT id AS draft, title FROM projects WHERE status = 'draft';
SELECT draft, title FROM drafts;
