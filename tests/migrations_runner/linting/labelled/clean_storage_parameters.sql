-- expect: clean
-- catalog: books
ALTER TABLE books SET (autovacuum_vacuum_scale_factor = 0.02);
