-- expect: set-not-null-scans@3 set-not-null-scans@4 alters-could-be-one@4
-- catalog: books
ALTER TABLE books ALTER COLUMN isbn SET NOT NULL;
ALTER TABLE books ALTER COLUMN price SET NOT NULL;
