-- expect: clean
-- catalog: none
ALTER TABLE audit ADD CONSTRAINT audit_pkey PRIMARY KEY USING INDEX audit_id_uniq;
