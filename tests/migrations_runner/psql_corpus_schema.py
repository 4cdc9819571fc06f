r"""Scripts about schemas, quoting, transactions and errors; see psql_corpus_effects."""

from __future__ import annotations

SCHEMA = {
    "table": "CREATE TABLE x (a int DEFAULT 5, b text NOT NULL CHECK (b <> ';'), UNIQUE (a, b));",
    "partitions": (
        "CREATE TABLE p (k int, v text) PARTITION BY RANGE (k);\n"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (10);\n"
        "CREATE TABLE pd PARTITION OF p DEFAULT;\nINSERT INTO p VALUES (1, 'a'), (99, 'b');\n"
        "ALTER TABLE p DETACH PARTITION p1;"
    ),
    "no partition for a row": (
        "CREATE TABLE p (k int) PARTITION BY LIST (k);\n"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);\nINSERT INTO p VALUES (2);\nSELECT 1;"
    ),
    "detach concurrently": (
        "CREATE TABLE p (k int) PARTITION BY LIST (k);\n"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);\n"
        "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;"
    ),
    "index concurrently": "CREATE INDEX CONCURRENTLY i ON t (a);\nINSERT INTO t VALUES (7);",
    "unique index concurrently fails": (
        "INSERT INTO t VALUES (7, 'one');\nCREATE UNIQUE INDEX CONCURRENTLY u ON t (a);\n"
        "INSERT INTO t VALUES (8);"
    ),
    "reindex of partitions": (
        "CREATE TABLE p (k int PRIMARY KEY) PARTITION BY LIST (k);\nREINDEX TABLE CONCURRENTLY p;"
    ),
    "vacuum": (
        "DELETE FROM t WHERE id = 1;\nVACUUM (ANALYZE) t;\nINSERT INTO log (what) VALUES ('a');"
    ),
    "do block": "DO $$ BEGIN FOR i IN 7..9 LOOP INSERT INTO t VALUES (i); END LOOP; END $$;",
    "do block fails inside": (
        "INSERT INTO t VALUES (7);\nDO $x$\nBEGIN\n  RAISE EXCEPTION 'no; %', 1;\nEND\n"
        "$x$;\nSELECT 1;"
    ),
    "do block that commits": (
        "VACUUM t;\nDO $$ BEGIN INSERT INTO t VALUES (7); COMMIT; INSERT INTO t VALUES (1); END $$;"
    ),
    "plpgsql function": (
        "CREATE FUNCTION f(i int) RETURNS int LANGUAGE plpgsql AS $f$\n"
        "DECLARE x int := 1;\nBEGIN\n  x := i + :'x';\n  RETURN x; -- it's $$ fine $$\n"
        "END;\n$f$;\nINSERT INTO log (what) VALUES ('f');"
    ),
    "sql function begin atomic": (
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC\n"
        " INSERT INTO log (what) VALUES ('x');\n SELECT CASE WHEN true THEN 1 ELSE 2 END;\n"
        "END;\nSELECT f();"
    ),
    "procedure begin atomic": (
        "CREATE PROCEDURE p(i int) BEGIN ATOMIC INSERT INTO t VALUES (i); "
        "DELETE FROM t WHERE id = 1; END;\nCALL p(7);"
    ),
    "begin as a column": (
        'CREATE TABLE x ("begin" int, "end" int, begin_at int);\nINSERT INTO x VALUES (1, 2, 3);'
    ),
    "create index in a function name": (
        "CREATE VIEW function_begin AS SELECT 1 AS begin;\nSELECT 1 AS procedure;"
    ),
    "trigger": (
        "CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
        "INSERT INTO log (what) VALUES (''t;''); RETURN NEW; END';\n"
        "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION trg();\n"
        "INSERT INTO t VALUES (7);"
    ),
    "rule with two actions": (
        "CREATE RULE r AS ON DELETE TO t DO ALSO (INSERT INTO log (what) "
        "VALUES ('1'); INSERT INTO log (what) VALUES ('2'));\nDELETE FROM t WHERE id = 1;"
    ),
    "enum": (
        "CREATE TYPE mood AS ENUM ('ok', 'so;so');\n"
        "ALTER TYPE mood ADD VALUE 'bad' BEFORE 'ok';\nCREATE TABLE m (m mood);"
    ),
    "enum used too early": (
        "CREATE TYPE e AS ENUM ('a');\nCREATE TABLE m (e e);\nALTER TYPE e ADD VALUE 'b';\n"
        "INSERT INTO m VALUES ('b');"
    ),
    "domain": (
        "CREATE DOMAIN pos AS int CHECK (VALUE > 0);\nCREATE TABLE d (p pos);\n"
        "INSERT INTO d VALUES (1);\nINSERT INTO d VALUES (0);"
    ),
    "materialized view": (
        "CREATE MATERIALIZED VIEW v AS SELECT id FROM t;\nCREATE UNIQUE INDEX ON v (id);\n"
        "INSERT INTO t VALUES (7);\nREFRESH MATERIALIZED VIEW CONCURRENTLY v;"
    ),
    "schema elements": (
        "CREATE SCHEMA s CREATE TABLE a (i int) CREATE VIEW b AS SELECT * FROM a;\n"
        "SET search_path TO s, public;\nINSERT INTO a VALUES (1);"
    ),
    "search path": (
        "CREATE SCHEMA s;\nSET search_path = s;\nCREATE TABLE x (a int);\n"
        "INSERT INTO public.t VALUES (7);"
    ),
    "comments on": (
        "COMMENT ON TABLE t IS 'it''s; a -- table';\nCOMMENT ON COLUMN t.a IS E'tab\\there';"
    ),
    "generated column": "ALTER TABLE t ADD c int GENERATED ALWAYS AS (id * 2) STORED;",
    "foreign key": (
        "CREATE TABLE c (t_id int REFERENCES t DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO c VALUES (1);"
    ),
    "deferred key fails at commit": (
        "CREATE TABLE c (t_id int REFERENCES t);\nINSERT INTO t VALUES (7);\n"
        "INSERT INTO c VALUES (99);\nSELECT 1;"
    ),
    "temporary table": "CREATE TEMP TABLE x AS SELECT 7 AS id;\nINSERT INTO t SELECT id FROM x;",
    "prepared statement": (
        "PREPARE i(int) AS INSERT INTO t VALUES ($1);\nEXECUTE i(7);\nEXECUTE i(8);"
    ),
    "cursor": (
        "DECLARE c CURSOR FOR SELECT id FROM t;\nFETCH 2 FROM c;\nCLOSE c;\n"
        "INSERT INTO t VALUES (7);"
    ),
    "grant": "GRANT SELECT ON t TO PUBLIC;\nREVOKE ALL ON log FROM PUBLIC;",
    "row security": (
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY;\nCREATE POLICY p ON t USING (id > 1);"
    ),
    "statistics": "CREATE STATISTICS s ON id, a FROM t;\nANALYZE t;",
    "sequence": (
        "CREATE SEQUENCE s START 5;\nSELECT nextval('s');\nALTER SEQUENCE s INCREMENT 3;\n"
        "SELECT nextval('s');"
    ),
    "aggregate and operator": (
        "CREATE FUNCTION cat(text, text) RETURNS text LANGUAGE sql IMMUTABLE "
        "AS 'SELECT $1 || $2';\n"
        "CREATE OPERATOR @@@ (LEFTARG = text, RIGHTARG = text, FUNCTION = cat);\n"
        "CREATE AGGREGATE glue(text) (SFUNC = cat, STYPE = text, INITCOND = '');\n"
        "INSERT INTO log (what) VALUES ('a' @@@ 'b');"
    ),
    "upsert": (
        "INSERT INTO t VALUES (1, 'x'), (9, 'y') ON CONFLICT (id) DO UPDATE SET a = excluded.a;"
    ),
    "merge": (
        "MERGE INTO t USING (VALUES (1), (8)) v(i) ON t.id = v.i WHEN MATCHED "
        "THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (i);"
    ),
    "with that writes": (
        "WITH d AS (DELETE FROM t WHERE id = 1 RETURNING *) INSERT INTO log (what) SELECT a FROM d;"
    ),
    "truncate": "TRUNCATE t, log RESTART IDENTITY;\nINSERT INTO log (what) VALUES ('first');",
    "set local": (
        "SET LOCAL work_mem = '8MB';\nSET datestyle = 'SQL, DMY';\n"
        "INSERT INTO log (what) VALUES (date '2026-11-23');"
    ),
    "lock and savepoint": "LOCK TABLE t;\nSAVEPOINT s;\nDELETE FROM t;\nROLLBACK TO s;\nRELEASE s;",
    "wrapper": "BEGIN;\nINSERT INTO t VALUES (7);\nCOMMIT;\n",
    "wrapper that fails": "BEGIN;\nINSERT INTO t VALUES (7);\nINSERT INTO t VALUES (1);\nCOMMIT;\n",
    "listen": "LISTEN c;\nNOTIFY c, 'x;y';\nINSERT INTO t VALUES (7);\nUNLISTEN c;",
    "create table as": "CREATE TABLE x AS SELECT * FROM t WITH NO DATA;\nSELECT * INTO y FROM t;",
    "event order": (
        "INSERT INTO log (what) VALUES ('a');INSERT INTO log (what) VALUES ('b');;;\n"
        ";INSERT INTO log (what) VALUES ('c')"
    ),
}

QUOTING = {
    "strings": (
        "INSERT INTO log (what) VALUES ('a''b;'), (E'c\\'d;'), ($$e'f;$$), "
        "($q$g$$h;$q$), (U&'\\0041;'), (B'101'::text);"
    ),
    "strings over lines": (
        "INSERT INTO log (what) VALUES ('a'\n'b'), (E'c'\n'\\td'), ('line\nbreak;\n--no comment');"
    ),
    "string over a comment": "INSERT INTO log (what) VALUES ('a' -- it's\n'b');",
    "names": (
        'CREATE TABLE "odd ;""name" ("a;b" int, "Größe" text, "$x" int);\n'
        'INSERT INTO "odd ;""name" VALUES (1, \'x\', 2);'
    ),
    "dollar names": "CREATE TABLE a$b (c$d$ int);\nINSERT INTO a$b VALUES (1);",
    "dollar quote tags": (
        "INSERT INTO log (what) VALUES ($é_1$ ; $é$ ; $é_1$), ($$ $ $$), ($a$ $A$ $a$);"
    ),
    "nested comments": "/* a /* ; */ ' */ INSERT INTO log (what) VALUES ('x' /* ;'/* */ */);",
    "comment to the end": "INSERT INTO t VALUES (7); -- no newline at the end, it's",
    "operators and comments": "INSERT INTO t VALUES (7--1\n+1), (5*/* x */2), (- -20);",
    "at signs": (
        "CREATE OPERATOR @-@ (RIGHTARG = int, FUNCTION = int4abs);\nINSERT INTO t VALUES (@-@ -9);"
    ),
    "json": (
        'INSERT INTO log (what) VALUES (\'{"a": {"b;": [1, ":n"]}}\'::jsonb #>> '
        "'{a,b;}'), ('{}'::jsonb ? 'x');"
    ),
    "slices": (
        "INSERT INTO log (what) SELECT ((ARRAY[1,2,3,4])[2:3])::text;\n"
        "INSERT INTO log (what) SELECT ((ARRAY[1,2])[:])::text;"
    ),
    "casts": "INSERT INTO t VALUES ('7'::int, 8::text, '9' :: numeric(:n, 2));",
    "every form": (
        "INSERT INTO log (what) VALUES (:'name'), (:n::text), (:{?n}::text);\n"
        'CREATE TABLE :"table" (:"word" int);'
    ),
    "variable beside quotes": "INSERT INTO log (what) VALUES ('a'||:'name'||'b');",
    "variables where none are": (
        "INSERT INTO log (what) VALUES (':n'), ($$:'name'$$), (E':\\'n'); -- :nothing\n"
        "/* :nothing */"
    ),
    "variable in a type": "CREATE TABLE x (a varchar(:n), b numeric(:n, 2));",
    "variable in brackets": "INSERT INTO log (what) SELECT (ARRAY[:n, :minus])[1];",
    "raw name": "UPDATE :plain SET a = 'x' WHERE id = :one;",
    "raw name glued": "CREATE TABLE part_:n (id int);",
    "byte order mark": "\ufeffINSERT INTO t VALUES (7);",
    "mark and a command": "\ufeff\\set x 7\nINSERT INTO t VALUES (:x);",
    "carriage returns": (
        "INSERT INTO t\r\nVALUES (7);\r\n\\set x 8\r\nINSERT INTO t VALUES (:x);\r\n"
    ),
    "carriage returns in a string": "INSERT INTO log (what) VALUES ('a\r\nb');\r\n",
    "letters of four bytes": (
        "INSERT INTO log (what) VALUES ('😀;é'), ('سلام');\nSELECT '😀' AS \"ü\", 1/0;"
    ),
    "form feeds and tabs": "INSERT\tINTO\ft\vVALUES (7)\t;\n",
    "no break space in a string": "INSERT INTO log (what) VALUES ('\u00a0\u2028');",
    "a long line": "INSERT INTO t VALUES "
    + ", ".join(f"({n}, '{n};')" for n in range(10, 600))
    + ";",
    "many statements": "".join(f"INSERT INTO t VALUES ({n});\n" for n in range(10, 200)),
    "percent": "INSERT INTO log (what) VALUES ('100 %s %(x)s %'), (to_char(7 % 4, '9'));",
    "question marks": "INSERT INTO log (what) SELECT '{\"a\":1}'::jsonb ?| ARRAY['a'];",
    "backslash in a plain string": "INSERT INTO log (what) VALUES ('a\\'), (';');",
    "empty strings": "INSERT INTO log (what) VALUES (''), (''''), ($$$$), (E'');",
    "parentheses": "INSERT INTO t VALUES (((7)), (((('x')))));",
}

ERRORS = {
    "division by zero": "INSERT INTO t VALUES (7);\nSELECT 1/0;\nINSERT INTO t VALUES (8);",
    "no table": "INSERT INTO t VALUES (7);\n\n\nSELECT *\nFROM nothing\nWHERE true;\nSELECT 1;",
    "no column on its line": "SELECT 1;\nSELECT id,\n  a,\n  nothing\nFROM t;",
    "duplicate key": (
        "INSERT INTO t VALUES (7); INSERT INTO t VALUES (1); INSERT INTO t VALUES (8);"
    ),
    "check fails outside of a transaction": (
        "VACUUM t;\nINSERT INTO t VALUES (7);\nINSERT INTO t VALUES (7);\nINSERT INTO t VALUES (8);"
    ),
    "type mismatch": "INSERT INTO t VALUES ('x');",
    "error in a function": (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT nothing';\nSELECT 1;"
    ),
    "error behind letters": "SELECT 'é😀';\nSELECT 'é😀', nothing;",
    "error behind a value": "SELECT :'name', nothing;",
    "assertion": (
        "DO $$ BEGIN ASSERT (SELECT count(*) FROM t) = 99, 'wrong; count'; END $$;\nSELECT 1;"
    ),
    "notices and an error": (
        "DO $$ BEGIN RAISE NOTICE 'n'; RAISE WARNING 'w'; END $$;\n"
        "DROP TABLE IF EXISTS nothing;\nDROP TABLE nothing;"
    ),
    "no privilege": "SET ROLE pg_monitor;\nINSERT INTO t VALUES (7);",
    "division in a copy to": "COPY (SELECT 1/0) TO stdout;\nSELECT 1;",
    "vacuum in a procedure": (
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN VACUUM; END $$;\nCALL p();"
    ),
    "statement timeout": (
        "SET statement_timeout = '30ms';\nSELECT pg_sleep(5);\nINSERT INTO t VALUES (8);"
    ),
    "prepared twice": "PREPARE p AS SELECT 1;\nPREPARE p AS SELECT 2;\nSELECT 1;",
    "recursion": (
        "CREATE FUNCTION f(i int) RETURNS int LANGUAGE plpgsql AS 'BEGIN "
        "RETURN f(i); END';\nSET max_stack_depth = '100kB';\nSELECT f(1);"
    ),
    "last without semicolon fails": "INSERT INTO t VALUES (7);\nSELECT nothing",
    "only the last line is wrong": "CREATE TABLE x (a int);\n" * 2,
}

#: Other files beside the script, for ``\\i`` and ``\\ir``.
FILES = {
    "one.sql": "INSERT INTO t VALUES (11);\n",
    "open.sql": "INSERT INTO t VALUES (12)",
    "sets.sql": "\\set from_file 13\n",
    "fails.sql": "INSERT INTO t VALUES (14);\n\nSELECT 1/0;\n",
    "quits.sql": "INSERT INTO t VALUES (15);\n\\q\nSELECT 1/0;\n",
    "sub/two.sql": "\\ir three.sql\nINSERT INTO t VALUES (16);\n",
    "sub/three.sql": "INSERT INTO t VALUES (17);\n",
    "data.sql": "COPY t FROM stdin;\n18\tx\t1\n\\.\n",
    "branches.sql": (
        "\\if :{?inside}\nINSERT INTO t VALUES (19);\n\\q\n\\endif\nINSERT INTO t VALUES (20);\n"
    ),
}
INCLUDES = {
    "include": "\\i one.sql\nINSERT INTO t VALUES (7);",
    "include in the middle of a line": "INSERT INTO t VALUES (7);\\i one.sql\nSELECT 1;",
    "include without a last semicolon": "\\i open.sql\nINSERT INTO t VALUES (7);",
    "include that sets": "\\i sets.sql\nINSERT INTO t VALUES (:from_file);",
    "include that fails": "INSERT INTO t VALUES (7);\n\\i fails.sql\nINSERT INTO t VALUES (8);",
    "include that quits": "\\i quits.sql\nINSERT INTO t VALUES (7);",
    "include from a folder": "\\i sub/two.sql\nINSERT INTO t VALUES (7);",
    "include beside": "\\ir 'one.sql'\n\\ir ./sub/../sub/three.sql\n",
    "include with data": "\\i data.sql\nINSERT INTO t VALUES (7);",
    "include twice": "\\i data.sql\nDELETE FROM t WHERE id = 18;\n\\i data.sql\n",
    "include in a branch": (
        "SELECT true AS x \\gset\n\\if :x\n\\i one.sql\n\\else\n\\i fails.sql\n\\endif\nSELECT 1;"
    ),
    "include with branches": "\\set inside 1\n\\i branches.sql\nINSERT INTO t VALUES (7);",
    "include with branches at run time": (
        "SELECT 1 AS inside \\gset\n\\i branches.sql\nINSERT INTO t VALUES (7);"
    ),
    "include in the middle of a statement": "INSERT INTO t\n\\i one.sql\nVALUES (7);",
    "include by variable": "\\set file one\n\\i :file.sql\nSELECT 1;",
}

#: What psql would do and we deliberately don't: text, line, command.
REFUSED = {
    "a program": ("SELECT 1;\n\\! ls", 2, "\\!"),
    "a file to read": ("\\copy t from 'x.csv' csv", 1, "\\copy"),
    "a file to write": ("SELECT 1;\n\\copy t to x.csv", 2, "\\copy"),
    "the input of psql": ("\\copy t from pstdin", 1, "\\copy"),
    "output to a file": ("\\o x.txt\nSELECT 1;", 1, "\\o"),
    "a result to a file": ("SELECT 1 \\g x.txt", 1, "\\g"),
    "another database": ("\\connect other\nSELECT 1;", 1, "\\connect"),
    "again and again": ("SELECT 1 \\watch 1", 1, "\\watch"),
    "a backquote": ("\\set x `date`\nSELECT 1;", 1, "\\set"),
    "the last statement once more": ("INSERT INTO t VALUES (7);\n\\gexec", 2, "\\gexec"),
    "errors passed over": ("\\set ON_ERROR_STOP off\nSELECT 1;", 1, "ON_ERROR_STOP"),
    "no file of this release": ("SELECT 1;\n\\i missing.sql", 2, "\\i"),
    "a commit in the middle": ("SELECT 1;\nCOMMIT;\nSELECT 2;", 2, "COMMIT"),
    "a statement behind a copy": ("COPY t FROM stdin; SELECT 1;\n\\.\n", 1, "COPY"),
    "a list of tables": ("\\dt\nSELECT 1;", 1, "\\dt"),
    "strings of another kind": ("SET standard_conforming_strings = off;", 1, "SET"),
    "binary data": ("COPY t TO stdout (FORMAT binary);", 1, "COPY"),
    "parameters": ("SELECT $1 \\bind 1 \\g", 1, "\\bind"),
}
