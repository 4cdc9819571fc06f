-- expect: clean
-- catalog: none
CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL, made timestamptz NOT NULL DEFAULT now());
