-- expect: add-column-rewrites@3 serial-column@3
-- catalog: none
ALTER TABLE lots ADD COLUMN nr bigserial;
