r"""Scripts that leave something behind, or fail half way. Each begins in a database with SEED.

Run by the real psql and by us; whatever psql makes of them is right.
"""

from __future__ import annotations

SEED = """
CREATE TABLE t (id int PRIMARY KEY, a text, b numeric);
INSERT INTO t VALUES (1, 'one', 1.5), (2, 'two', 2.5), (3, NULL, NULL);
CREATE TABLE log (n int GENERATED ALWAYS AS IDENTITY, what text);
"""

DATA = {
    "copy text": (
        "COPY t FROM stdin;\n4\tfour\t4.5\n5\t\\N\t\\N\n\\.\nUPDATE t SET a = 'x' WHERE id = 4;"
    ),
    "copy escapes": "COPY t (id, a) FROM stdin;\n4\ta\\tb\\nc\\\\d\n5\t\\x41\\101\\.\n\\.\n",
    "copy csv": 'COPY t FROM STDIN WITH (FORMAT csv, HEADER);\nid,a,b\n4,"x\ny;",1\n5,,2\n\\.\n',
    "copy csv with a lone end in quotes": 'COPY t FROM STDIN csv;\n4,"x",1\n5,"\\.y",2\n\\.\n',
    "copy with quotes in its data": (
        "COPY t FROM stdin;\n4\tit's /* no $$ comment\t1\n\\.\nSELECT 1;\n"
    ),
    "copy with variables in its data": "COPY t FROM stdin;\n4\t:n :'name'\t1\n\\.\n",
    "copy with commands in its data": (
        "COPY log (what) FROM stdin;\n\\\\set n 9\n\\\\q\n\\.\nSELECT :n;"
    ),
    "copy nothing": "COPY t FROM stdin;\n\\.\nINSERT INTO t VALUES (9);",
    "copy without an end": "COPY t FROM stdin;\n4\tfour\t4\n5\tfive\t5\n",
    "copy without semicolon at the end": "INSERT INTO log (what) VALUES ('a');\nCOPY t FROM stdin",
    "copy with crlf": (
        "COPY t FROM stdin;\r\n4\tx\t1\r\n\\.\r\nINSERT INTO log (what) VALUES ('b');\r\n"
    ),
    "copy with blank behind": "COPY t FROM stdin;  \t\n4\tx\t1\n\\.\nSELECT 1;",
    "copy with comment behind": "COPY t FROM stdin; -- data;\n4\tx\t1\n\\.\nSELECT 1;",
    "copy over lines": (
        "COPY t\n  (id, a)\n  FROM\n  STDIN\n  WITH (DELIMITER ';')\n;\n4;four\n\\.\n"
    ),
    "copy with a default": "COPY t FROM stdin (DEFAULT 'D');\n4\tx\t1\n\\.\n",
    "copy where": "COPY t FROM stdin WHERE id > 4;\n4\tx\t1\n5\ty\t1\n\\.\n",
    "copy to an identifier variable": 'COPY :"plain" FROM stdin;\n4\tx\t1\n\\.\n',
    "two copies": (
        "COPY t FROM stdin;\n4\tx\t1\n\\.\nCOPY log (what) FROM stdin;\nq\n\\.\nSELECT 2;"
    ),
    "copy fails in its data": "COPY t FROM stdin;\n4\tx\t1\nfive\ty\t1\n6\tz\t1\n\\.\nSELECT 1;",
    "copy fails on a key": "COPY t FROM stdin;\n4\tx\t1\n1\ty\t1\n\\.\nINSERT INTO t VALUES (9);",
    "copy misses a column": "COPY t FROM stdin;\n4\tx\n\\.\nINSERT INTO t VALUES (9);",
    "copy to no table": "COPY nothing FROM stdin;\n4\tx\n\\.\nINSERT INTO t VALUES (9);",
    "copy with junk after its end mark": "COPY t FROM stdin;\n4\tx\t1\n \\.\n\\.\nSELECT 1;",
    "copy in a transaction": "BEGIN;\nCOPY t FROM stdin;\n4\tx\t1\n\\.\nCOMMIT;\n",
    "copy freeze": "CREATE TABLE f (a int);\nCOPY f FROM stdin (FREEZE);\n1\n2\n\\.\n",
    "copy and then fail": "COPY t FROM stdin;\n4\tx\t1\n\\.\nSELECT 1/0;\n",
    "copy outside of a transaction": (
        "COPY t FROM stdin;\n4\tx\t1\n\\.\nVACUUM t;\nCOPY t FROM stdin;\n5\ty\t1\n\\.\n"
    ),
    "copy fails outside of a transaction": (
        "VACUUM t;\nCOPY t FROM stdin;\n4\tx\t1\n\\.\nCOPY t FROM stdin;\nfive\ty\t1\n\\.\n"
        "SELECT 1;"
    ),
    "copy out": "COPY t TO stdout;\nCOPY (SELECT 1) TO STDOUT csv;\nINSERT INTO t VALUES (7);",
    "backslash copy": "\\copy t from stdin\n4\tx\t1\n\\.\nINSERT INTO t VALUES (7);",
    "backslash copy columns csv": "\\copy t (id, a) FROM STDIN WITH (FORMAT csv)\n4,x\n5,y\n\\.\n",
    "backslash copy with semicolon": "\\copy t from stdin csv;\n4,x,1\n\\.\nSELECT 1;",
    "backslash copy to stdout": "\\copy (SELECT * FROM t ORDER BY 1) to stdout csv\nSELECT 1;",
    "backslash copy to pstdout": "\\copy t to pstdout\nINSERT INTO t VALUES (7);",
    "backslash copy keeps colons": "\\copy t from stdin delimiter ':'\n4:x:1\n\\.\n",
    "backslash copy fails": "SELECT 1;\n\\copy t from stdin\nfour\tx\t1\n\\.\nSELECT 1;",
    "letters in data": (
        "COPY t FROM stdin;\n4\t😀 é سلام\t1\n\\.\nINSERT INTO log (what) VALUES ('é');"
    ),
}

RUNTIME = {
    "gset": "SELECT 7 AS x, 'it''s' AS y \\gset\nINSERT INTO t VALUES (:x, :'y');",
    "gset on its own line": "SELECT 7 AS x\n\\gset\nINSERT INTO t VALUES (:x);",
    "gset with prefix": (
        "SELECT max(id) AS id FROM t \\gset last_\nINSERT INTO t VALUES (:last_id + 1);"
    ),
    "gset takes a name": (
        "SELECT 't' AS tab, 'a' AS col \\gset\nUPDATE :\"tab\" SET :\"col\" = 'new';"
    ),
    "gset of null takes away": (
        "\\set x 1\nSELECT NULL AS x \\gset\n\\if :{?x}\nSELECT 1/0;\n\\endif\n"
        "INSERT INTO log (what) VALUES (:{?x}::text);"
    ),
    "gset no row": "INSERT INTO t VALUES (7);\nSELECT a FROM t WHERE false \\gset\nSELECT 1;",
    "gset two rows": "INSERT INTO t VALUES (7);\nSELECT a FROM t\n\\gset\nSELECT 1;",
    "gset of an insert": (
        "INSERT INTO t VALUES (8, 'e') RETURNING id, a \\gset n_\nDELETE FROM t WHERE id = :n_id;"
    ),
    "gset of an update": "UPDATE t SET a = 'z' \\gset\nSELECT 1;",
    "gset star": (
        "SELECT * FROM t WHERE id = 1 \\gset\nINSERT INTO log (what) VALUES (:'a' || :'b' || :id);"
    ),
    "gset of a function": (
        "SELECT count(*) FROM t \\gset\nINSERT INTO log (what) VALUES (:'count');"
    ),
    "gset a bad name": 'INSERT INTO t VALUES (7);\nSELECT 1 AS "a b" \\gset\nSELECT 2;',
    "gset overwrites": "\\set x 1\nSELECT 2 AS x \\gset\n\\set x :x:x\nINSERT INTO t VALUES (:x);",
    "gset value with quotes": (
        "SELECT E'a\\\\b''c' AS v \\gset\nINSERT INTO log (what) VALUES (:'v');"
    ),
    "gset in a name": 'SELECT \'odd "one\' AS v \\gset\nCREATE TABLE :"v" (x int);',
    "gset then unset": (
        "SELECT 1 AS x \\gset\n\\unset x\nINSERT INTO log (what) VALUES (:{?x}::text);"
    ),
    "gset used bare in a limit": (
        "SELECT 2 AS n \\gset\nINSERT INTO log (what) SELECT a FROM t ORDER BY id LIMIT :n;"
    ),
    "gset used where the grammar wants a number": (
        "SELECT 9 AS n \\gset\nALTER SEQUENCE log_n_seq RESTART WITH :n;"
    ),
    "gset in set": "SELECT 'x' AS a \\gset\n\\set b <:a>\nINSERT INTO log (what) VALUES (:'b');",
    "gset fails in sql": "SELECT 1 AS one \\gset\nSELECT 1/0 AS x \\gset\nSELECT 2;",
    "gset outside of a transaction": "SELECT 5 AS x \\gset\nVACUUM t;\nINSERT INTO t VALUES (:x);",
    "error after a gset value": (
        "SELECT 'long long value' AS x \\gset\nSELECT :'x', nothing FROM t;"
    ),
    "gexec": "SELECT 'INSERT INTO t VALUES (' || g || ')' FROM generate_series(10, 12) g \\gexec",
    "gexec cells": (
        "SELECT 'CREATE TABLE x (a int)', NULL, 'INSERT INTO x VALUES (1)'\n\\gexec\n"
        "INSERT INTO x VALUES (2);"
    ),
    "gexec nothing": "SELECT 'SELECT 1/0' WHERE false \\gexec\nINSERT INTO t VALUES (7);",
    "gexec fails": "SELECT 'INSERT INTO t VALUES (7)', 'SELECT 1/0', 'SELECT 2' \\gexec\nSELECT 1;",
    "gexec two statements in a cell": (
        "SELECT 'INSERT INTO t VALUES (7); DELETE FROM t WHERE id = 1' \\gexec"
    ),
    "gexec of an update": "UPDATE t SET a = 'x' \\gexec\nSELECT 1;",
    "gexec outside of a transaction": (
        "SELECT 'VACUUM t', 'INSERT INTO t VALUES (8)' \\gexec\nVACUUM t;"
    ),
    "gexec with format": (
        "SELECT format('ALTER TABLE t RENAME %I TO %I', a, upper(a)) FROM "
        "(VALUES ('a'), ('b')) v(a) \\gexec"
    ),
    "if true": "\\if true\nINSERT INTO t VALUES (7);\n\\else\nINSERT INTO t VALUES (8);\n\\endif",
    "if false": (
        "\\if no\nINSERT INTO t VALUES (7);\n\\elif on\nINSERT INTO t VALUES (9);\n\\else\n"
        "SELECT 1/0;\n\\endif"
    ),
    "if on a given value": (
        "\\if :yes\nINSERT INTO t VALUES (7);\n\\endif\nINSERT INTO t VALUES (8);"
    ),
    "if defined": (
        "\\if :{?n}\nINSERT INTO t VALUES (:n);\n\\endif\n\\if :{?nothing}\n"
        "SELECT :nothing;\n\\endif\n"
    ),
    "if defaults": (
        "\\if :{?who}\n\\else\n\\set who 'nobody'\n\\endif\nINSERT INTO log (what) VALUES (:'who');"
    ),
    "if on gset": (
        "SELECT count(*) > 2 AS many FROM t \\gset\n\\if :many\nINSERT INTO t VALUES (7);\n"
        "\\else\nSELECT 1/0;\n\\endif"
    ),
    "if not on gset": (
        "SELECT count(*) > 9 AS many FROM t \\gset\n\\if :many\nDROP TABLE t;\n\\else\n"
        "INSERT INTO t VALUES (8);\n\\endif\nINSERT INTO t VALUES (9);"
    ),
    "elif on gset": (
        "SELECT 'f' AS a, 't' AS b, 't' AS c \\gset\n\\if :a\nSELECT 1/0;\n\\elif :b\n"
        "INSERT INTO t VALUES (7);\n\\elif :c\nSELECT 1/0;\n\\else\nSELECT 1/0;\n\\endif"
    ),
    "nested ifs": (
        "SELECT true AS a, false AS b \\gset\n\\if :a\n\\if :b\nSELECT 1/0;\n\\else\n"
        "INSERT INTO t VALUES (7);\n\\endif\n\\else\n\\if :a\nSELECT 1/0;\n\\endif\n"
        "\\endif\nINSERT INTO t VALUES (8);"
    ),
    "set in a branch": (
        "SELECT false AS a \\gset\n\\set x 1\n\\if :a\n\\set x 2\n\\endif\n"
        "INSERT INTO t VALUES (:x + 10);"
    ),
    "set in both branches": (
        "SELECT true AS a \\gset\n\\if :a\n\\set x 20\n\\else\n\\set x 30\n\\endif\n"
        "INSERT INTO t VALUES (:x);"
    ),
    "if no boolean": "\\if perhaps\nSELECT 1/0;\n\\else\nINSERT INTO t VALUES (7);\n\\endif",
    "if no boolean at run time": (
        "SELECT 'perhaps' AS p \\gset\n\\if :p\nSELECT 1/0;\n\\endif\nINSERT INTO t VALUES (7);"
    ),
    "if with two words": "\\if 1 and 1\nSELECT 1/0;\n\\endif\nINSERT INTO t VALUES (7);",
    "if hides what is no sql": (
        "\\if 0\n this is ; no sql\n\\! false\n\\endif\nINSERT INTO t VALUES (7);"
    ),
    "if in the middle of a statement": "INSERT INTO t VALUES (\n\\if 1\n7\n\\else\n8\n\\endif\n);",
    "if around a copy": (
        "\\if 1\nCOPY t FROM stdin;\n4\tx\t1\n\\.\n\\endif\nINSERT INTO t VALUES (7);"
    ),
    "if around a copy at run time": (
        "SELECT 1 AS x \\gset\n\\if :x\nCOPY t FROM stdin;\n4\tx\t1\n\\.\n\\endif\n"
    ),
    "if on one line": "\\if 1 \\echo yes \\\\ INSERT INTO t VALUES (7);\n\\endif",
    "quit": "INSERT INTO t VALUES (7);\n\\q\nINSERT INTO t VALUES (8);",
    "quit in a branch": "SELECT true AS x \\gset\n\\if :x\n\\q\n\\endif\nINSERT INTO t VALUES (8);",
    "no quit in a branch": (
        "SELECT false AS x \\gset\n\\if :x\n\\q\n\\endif\nINSERT INTO t VALUES (8);"
    ),
    "quit in the middle of a statement": "INSERT INTO t VALUES (7)\n\\q\n;",
    "server version": (
        "SELECT :SERVER_VERSION_NUM >= 130000 AS new \\gset\n\\if :new\n"
        "INSERT INTO t VALUES (7);\n\\endif"
    ),
    "database name": (
        "INSERT INTO log (what) VALUES ((:'DBNAME' = current_database())::text || :'ENCODING');"
    ),
    "row count": "UPDATE t SET a = 'x';\nINSERT INTO log (what) VALUES (:ROW_COUNT);",
    "set transaction first": (
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE;\n"
        "INSERT INTO log (what) SELECT a FROM t WHERE id = 1;"
    ),
    "set a piece of sql": "\\set cond 'id > 1 AND a IS NOT NULL'\nDELETE FROM t WHERE :cond;",
    "set with a quoted value": "\\set v 'it''s \\\\ \\x41'\nINSERT INTO log (what) VALUES (:'v');",
    "set from another": "\\set a 'x y'\n\\set b :a z :'a'\nINSERT INTO log (what) VALUES (:'b');",
    "set double quotes": "\\set a \"x y\"\nINSERT INTO log (what) VALUES (:'a');",
    "set twice": "\\set a 1\n\\set a 2\nINSERT INTO t VALUES (:a + 10);",
    "unset and test": "\\set a 1\n\\unset a\nINSERT INTO log (what) VALUES (:{?a}::text);",
    "echo": (
        "\\echo 'one  two' three :n :'name' :nothing\n\\warn oh\n\\qecho -n x\n"
        "INSERT INTO t VALUES (7);"
    ),
    "reset the buffer": "SELECT 1/0\n\\r\nINSERT INTO t VALUES (7);",
    "g": "INSERT INTO t VALUES (7) \\g\nINSERT INTO t VALUES (8)\n\\g (format=csv)\n",
    "joined": "INSERT INTO t VALUES (7)\\; INSERT INTO t VALUES (8);\nSELECT 1;",
    "joined fails": "INSERT INTO t VALUES (7)\\; INSERT INTO t VALUES (1);\nSELECT 1;",
    "joined and gset": (
        "INSERT INTO t VALUES (7)\\; SELECT 8 AS x \\gset\nINSERT INTO t VALUES (:x);"
    ),
    "a colon by backslash": "SELECT (ARRAY[1,2,3])[1\\:2];\nINSERT INTO t VALUES (5\\:\\:int);",
    "restricted": (
        "\\restrict abc\nINSERT INTO t VALUES (7);\n\\unrestrict abc\n\\set x 8\n"
        "INSERT INTO t VALUES (:x);"
    ),
    "display only": "\\pset pager off\n\\timing on\n\\x on\n\\t\n\\a\nINSERT INTO t VALUES (7);",
}
