-- expect: clean
-- catalog: books
CREATE TABLE events_new (LIKE events INCLUDING ALL);
ALTER TABLE events ATTACH PARTITION events_new FOR VALUES FROM ('2027-01-01') TO ('2027-02-01');
