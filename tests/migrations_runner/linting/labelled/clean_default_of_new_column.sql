-- expect: clean
-- catalog: books
ALTER TABLE books ADD COLUMN public_id uuid;
ALTER TABLE books ALTER COLUMN public_id SET DEFAULT gen_random_uuid();
