-- expect: foreign-key-scans@3 foreign-key-without-index@3
-- catalog: books
ALTER TABLE books ADD COLUMN setting_id int DEFAULT 1 REFERENCES settings (id);
