-- expect: primary-key-on-nullable@3
-- catalog: books
ALTER TABLE tokens ADD CONSTRAINT tokens_pk PRIMARY KEY USING INDEX tokens_code_uniq;
