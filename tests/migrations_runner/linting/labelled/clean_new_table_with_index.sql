-- expect: clean
-- catalog: none
CREATE TABLE notes (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), body text);
CREATE INDEX notes_body_idx ON notes (body);
