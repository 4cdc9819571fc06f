-- expect: unknown-column@10 insert-without-conflict-key@3
-- catalog: world
INSERT INTO universes (
  account_id,
  name,
  description,
  book_presets,
  tags
) VALUES (
  user_id,
  'My Books',
  'Default universe for existing books',
  jsonb_build_object('defaultAgeRange', '6-12', 'defaultTemplate', 'adventure'),
  ARRAY['default']
) RETURNING id;
