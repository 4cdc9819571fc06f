-- expect: index-blocks-writes@3
-- catalog: books
CREATE INDEX events_kind_idx ON events (kind);
