-- expect: index-blocks-writes@4 exclusive-lock-kept@4
-- catalog: books
ALTER TABLE settings ADD COLUMN owner_id uuid;
CREATE INDEX settings_owner_idx ON settings (owner_id);
