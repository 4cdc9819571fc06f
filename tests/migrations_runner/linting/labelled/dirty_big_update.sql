-- expect: large-change-at-once@3
-- catalog: books
UPDATE chapters SET body = trim(body) WHERE body <> trim(body);
