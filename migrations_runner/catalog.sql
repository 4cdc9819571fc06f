-- What a catalog is read with: five plain questions, each over all tables at once. Columns travel as
-- numbers and get their names on our side: looking each up here would cost more than all the rest.

-- relations: what people made, at most so many
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text,
  nullif(c.reltuples::bigint, -1),
  CASE WHEN c.relkind IN ('r', 'm') THEN pg_total_relation_size(c.oid) END,
  (SELECT p.relname::text FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
   WHERE c.relispartition AND i.inhrelid = c.oid LIMIT 1),
  CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
  c.relrowsecurity
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY c.oid LIMIT %(most)s;

-- columns
SELECT a.attrelid, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  left(pg_get_expr(d.adbin, d.adrelid), 200), a.attgenerated <> '', a.attidentity::text,
  a.attnum::int
FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY (%(oids)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum;

-- indexes
SELECT i.indrelid, c.relname::text, (i.indkey::int2[])[0:i.indnkeyatts - 1]::int[], i.indisunique,
  i.indisvalid, pg_get_expr(i.indpred, i.indrelid), pg_get_indexdef(i.indexrelid), m.amname::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY (%(oids)s)
ORDER BY i.indrelid, c.relname;

-- constraints
SELECT k.conrelid, k.contype::text, k.conname::text, k.conkey::int[], k.confrelid,
  n.nspname::text, c.relname::text, k.confkey::int[], k.convalidated,
  CASE WHEN k.contype = 'c' THEN pg_get_constraintdef(k.oid) END
FROM pg_constraint k
LEFT JOIN pg_class c ON c.oid = k.confrelid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = ANY (%(oids)s) AND k.contype IN ('p', 'u', 'f', 'c')
ORDER BY k.conrelid, k.conname;

-- triggers
SELECT t.tgrelid, t.tgname::text FROM pg_trigger t
WHERE t.tgrelid = ANY (%(oids)s) AND NOT t.tgisinternal ORDER BY t.tgrelid, t.tgname;

-- around: the session and the database as a whole
SELECT current_setting('server_version_num')::int,
  current_schemas(false)::text[],
  ARRAY(SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'),
  ARRAY(SELECT DISTINCT proname::text FROM pg_proc
        WHERE pronamespace <> 'pg_catalog'::regnamespace
          AND pronamespace <> 'information_schema'::regnamespace),
  (SELECT coalesce(jsonb_object_agg(typname, labels), '{}') FROM
    (SELECT t.typname, jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) AS labels
     FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY t.oid) named),
  (SELECT coalesce(jsonb_object_agg(extname, extversion), '{}') FROM pg_extension);
