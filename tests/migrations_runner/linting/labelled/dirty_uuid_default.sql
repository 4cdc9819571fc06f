-- expect: add-column-rewrites@3
-- catalog: books
ALTER TABLE books ADD COLUMN public_id uuid NOT NULL DEFAULT gen_random_uuid();
