-- expect: index-blocks-writes@3
-- catalog: books
CREATE INDEX settings_value_idx ON settings (value);
