-- expect: add-column-rewrites@3
-- catalog: none
ALTER TABLE lots ADD COLUMN r double precision DEFAULT random();
