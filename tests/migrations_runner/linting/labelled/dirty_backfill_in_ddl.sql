-- expect: backfill-in-schema-transaction@4
-- catalog: books
ALTER TABLE books ADD COLUMN language text;
UPDATE books SET language = 'en' WHERE language IS NULL;
