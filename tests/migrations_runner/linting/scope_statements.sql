-- A statement a line. Nothing here says which are valid: PostgreSQL does.
SELECT id, email FROM accounts
SELECT a.id, a.email FROM accounts a
SELECT accounts.id FROM accounts a
SELECT public.accounts.id FROM public.accounts
SELECT public.accounts.id FROM accounts
SELECT archive.books.title FROM archive.books
SELECT public.books.title FROM archive.books
SELECT books.archived_at FROM archive.books
SELECT archived_at FROM books
SELECT "Title" FROM books
SELECT Title FROM books
SELECT titel FROM books
SELECT * FROM nowhere
SELECT * FROM archive.nowhere
SELECT * FROM attic.books
SELECT nowhere.* FROM books
SELECT b.*, a.email FROM books b JOIN accounts a ON a.id = b.owner_id
SELECT b.*, a.email FROM books b JOIN accounts a ON a.id = b.account_id
SELECT id FROM books JOIN shelves USING (id)
SELECT books.id, shelves.id, id FROM books JOIN shelves USING (id)
SELECT label, title FROM books NATURAL JOIN shelves
SELECT j.id, j.label, j.title FROM (books JOIN shelves USING (id)) AS j
SELECT j.id, books.title FROM (books JOIN shelves USING (id)) AS j
SELECT j.a, j.b FROM (books JOIN shelves USING (id)) AS j (a, b)
SELECT j.id, books.title, label FROM books JOIN shelves USING (id) AS j
SELECT j.label FROM books JOIN shelves USING (id) AS j
SELECT a.name, b.title, s.label FROM accounts a LEFT JOIN (books b JOIN shelves s ON s.id = b.shelf_id) ON b.owner_id = a.id
SELECT 1 FROM accounts a, books b JOIN shelves s ON s.account_id = a.id
SELECT 1 FROM accounts a CROSS JOIN books b JOIN shelves s ON s.account_id = a.id
SELECT 1 FROM accounts a FULL JOIN books b ON a.id = b.owner_id AND title = name
SELECT ctid, xmin, tableoid FROM books
SELECT b.ctid, b.cmax FROM books b
SELECT ctid FROM owners
SELECT tableoid::regclass FROM events
SELECT a FROM accounts a
SELECT accounts FROM accounts
SELECT (a).email FROM accounts a
SELECT (home).city FROM accounts
SELECT home.city FROM accounts
SELECT a.home.city FROM accounts a
SELECT (a.home).zip FROM accounts a
SELECT a.initials FROM accounts a
SELECT initials(a) FROM accounts a
SELECT a.*::text FROM accounts a
SELECT to_jsonb(a) - 'email' FROM accounts a
SELECT a.to_jsonb FROM accounts a
SELECT count(*), owner_id FROM books GROUP BY owner_id
SELECT count(*) AS n, owner_id AS who FROM books GROUP BY who ORDER BY n
SELECT count(*) AS n, owner_id AS who FROM books GROUP BY owner_id HAVING count(*) > 2
SELECT owner_id AS who FROM books WHERE who = 1
SELECT owner_id AS who, count(*) AS n FROM books GROUP BY 1 HAVING n > 1
SELECT title FROM books ORDER BY pages
SELECT title FROM books ORDER BY page
SELECT title AS t FROM books ORDER BY t, pages DESC NULLS LAST
SELECT title AS t FROM books ORDER BY lower(t)
SELECT DISTINCT ON (owner_id) owner_id, title FROM books ORDER BY owner_id, id DESC
SELECT DISTINCT ON (who) owner_id AS who, title FROM books ORDER BY who
SELECT owner_id, rank() OVER (PARTITION BY owner_id ORDER BY pages) FROM books
SELECT rank() OVER w FROM books WINDOW w AS (PARTITION BY owner_id ORDER BY pages)
SELECT rank() OVER w FROM books WINDOW w AS (PARTITION BY owner ORDER BY pages)
SELECT sum(pages) FILTER (WHERE state = 'fine') FROM books
SELECT sum(pages) FILTER (WHERE status = 'fine') FROM books
SELECT string_agg(title, ',' ORDER BY pages) FROM books
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY pages) FROM books
SELECT owner_id, state, count(*) FROM books GROUP BY GROUPING SETS ((owner_id), (state), ())
SELECT owner_id, grouping(owner_id) FROM books GROUP BY ROLLUP (owner_id)
SELECT CASE WHEN pages > 10 THEN 'long' ELSE title END AS size FROM books GROUP BY size, pages, title
SELECT (SELECT email FROM accounts WHERE id = owner_id) FROM books
SELECT (SELECT email FROM accounts WHERE id = b.owner_id) FROM books b
SELECT (SELECT email FROM accounts WHERE id = x.owner_id) FROM books b
SELECT 1 FROM books WHERE owner_id IN (SELECT owner_id FROM shelves)
SELECT 1 FROM books WHERE owner_id IN (SELECT account_id FROM shelves)
SELECT 1 FROM books WHERE account_id IN (SELECT account_id FROM shelves)
SELECT 1 FROM books b WHERE EXISTS (SELECT FROM shelves s WHERE s.id = b.shelf_id AND b.pages > s.width)
SELECT 1 FROM books b WHERE EXISTS (SELECT nothing FROM shelves s WHERE s.id = b.shelf_id)
SELECT 1 FROM books WHERE (owner_id, title) IN (SELECT owner_id, title FROM archive.books)
SELECT 1 FROM books WHERE (owner_id, title) = (SELECT id, name FROM accounts LIMIT 1)
SELECT 1 FROM books WHERE pages > ALL (SELECT width FROM shelves WHERE account_id = owner_id)
SELECT ARRAY(SELECT title FROM books WHERE owner_id = accounts.id ORDER BY title) FROM accounts
SELECT x.title FROM (SELECT title, pages FROM books) x WHERE x.pages > 1
SELECT x.owner_id FROM (SELECT title, pages FROM books) x
SELECT title FROM (SELECT * FROM books) x WHERE owner_id = 1
SELECT t FROM (SELECT title FROM books) AS x (t)
SELECT title FROM (SELECT title FROM books) AS x (t)
SELECT x.t, x.pages FROM (SELECT title, pages FROM books) AS x (t)
SELECT b.t FROM books AS b (i, o, t)
SELECT b.title FROM books AS b (i, o, t)
SELECT b.state FROM books AS b (i, o, t)
SELECT 1 FROM accounts a, (SELECT * FROM books WHERE owner_id = a.id) x
SELECT 1 FROM accounts a, LATERAL (SELECT * FROM books WHERE owner_id = a.id) x
SELECT x.n FROM accounts a CROSS JOIN LATERAL (SELECT count(*) AS n FROM books WHERE owner_id = a.id) x
SELECT 1 FROM accounts a LEFT JOIN LATERAL (SELECT title FROM books b WHERE b.owner_id = a.id LIMIT 1) x ON x.title = a.name
SELECT t FROM accounts, unnest(tags) t
SELECT t FROM accounts a, unnest(a.tags) AS t
SELECT t.x, t.n FROM accounts a, unnest(a.tags) WITH ORDINALITY AS t (x, n)
SELECT u FROM unnest(tags) u, accounts
SELECT n FROM generate_series(1, 3) AS n
SELECT s.n FROM generate_series(1, 3) AS s (n)
SELECT generate_series FROM generate_series(1, 3)
SELECT m FROM generate_series(1, 3) AS n
SELECT n.n, n.ordinality FROM generate_series(1, 3) WITH ORDINALITY AS n
SELECT key, value FROM accounts, jsonb_each(prefs)
SELECT e.key FROM accounts a CROSS JOIN LATERAL jsonb_each_text(a.prefs) AS e
SELECT value FROM jsonb_array_elements('[1]') AS x
SELECT x.a, x.b FROM json_to_recordset('[]') AS x (a int, b text)
SELECT x.c FROM json_to_recordset('[]') AS x (a int, b text)
SELECT shelf, wide FROM accounts, shelf_of(id)
SELECT s.shelf FROM accounts a, shelf_of(a.id) s
SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r (p, q)
SELECT r.q FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r (p, q)
SELECT column1, column2 FROM (VALUES (1, 'a'), (2, 'b')) v
SELECT column3 FROM (VALUES (1, 'a'), (2, 'b')) v
SELECT v.n FROM (VALUES (1, 'a')) AS v (n, s)
SELECT n FROM books JOIN (VALUES (1, 'a')) AS v (n, s) ON v.n = books.id
VALUES (1), (2) ORDER BY column1
VALUES (title)
SELECT title FROM books UNION SELECT name FROM accounts ORDER BY title
SELECT title AS t FROM books UNION ALL SELECT name FROM accounts ORDER BY t LIMIT 3
SELECT title FROM books UNION SELECT title FROM accounts
SELECT u.title FROM (SELECT title FROM books UNION SELECT name FROM accounts) u
SELECT u.name FROM (SELECT title FROM books UNION SELECT name FROM accounts) u
(SELECT title FROM books ORDER BY pages LIMIT 1) EXCEPT (SELECT label FROM shelves)
SELECT id FROM books INTERSECT SELECT id FROM shelves WHERE label = 'x'
WITH b AS (SELECT * FROM books) SELECT b.title FROM b
WITH b AS (SELECT title FROM books) SELECT pages FROM b
WITH b (t) AS (SELECT title FROM books) SELECT t FROM b
WITH b (t) AS (SELECT title FROM books) SELECT title FROM b
WITH books AS (SELECT 1 AS one) SELECT one FROM books
WITH books AS (SELECT 1 AS one) SELECT one FROM public.books
WITH a AS (SELECT id FROM accounts), b AS (SELECT * FROM a) SELECT id FROM b
WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT r.n FROM r
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT m + 1 FROM r WHERE n < 3) SELECT r.n FROM r
WITH RECURSIVE t (id, up) AS (SELECT id, shelf_id FROM books UNION ALL SELECT b.id, b.shelf_id FROM books b JOIN t ON b.shelf_id = t.id) SEARCH DEPTH FIRST BY id SET ord CYCLE id SET loops USING way SELECT id, ord, loops, way FROM t
WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT x FROM a
WITH x AS (SELECT 1 AS n) SELECT (SELECT n FROM x) FROM books
WITH x AS (SELECT 1 AS n) SELECT title FROM books WHERE id IN (SELECT n FROM x WHERE n < pages)
WITH x AS (SELECT owner_id FROM y) SELECT * FROM x
SELECT (WITH z AS (SELECT b.pages AS p) SELECT p FROM z) FROM books b
SELECT name, books FROM owners
SELECT owners.email FROM owners
SELECT title FROM titles
SELECT pages FROM titles
SELECT at, kind FROM events_2026
SELECT moment FROM events
SELECT body, extra FROM long_notes
SELECT extra FROM notes
SELECT * FROM ONLY notes
SELECT relname FROM pg_class
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
SELECT table_name FROM information_schema.tables
SELECT * FROM pg_catalog.pg_stat_activity WHERE pid = 1
SELECT * FROM books TABLESAMPLE system (10)
SELECT b.title FROM books b TABLESAMPLE bernoulli (10) REPEATABLE (1)
SELECT * FROM books FOR UPDATE OF books
SELECT * FROM books b WHERE b.id = 1 FOR NO KEY UPDATE SKIP LOCKED
SELECT current_date, current_user, localtimestamp
SELECT user, session_user
SELECT user_name
SELECT title COLLATE "C" FROM books ORDER BY title COLLATE "C"
SELECT (ARRAY[pages, 1])[1] FROM books
SELECT tags[1:2], prefs -> 'a' ->> 'b', prefs['a'] FROM accounts
SELECT extract(year FROM at), at AT TIME ZONE 'UTC' FROM events
SELECT cast(pages AS text), pages::numeric(5, 2) FROM books
SELECT x.id FROM xmltable('/a' PASSING '<a/>' COLUMNS id int PATH '@id') x
SELECT b.title, t.v FROM books b, json_table('[1]', '$[*]' COLUMNS (v int PATH '$')) t
SELECT GREATEST(pages, width), COALESCE(title, label), NULLIF(title, label) FROM books, shelves
SELECT title IS DISTINCT FROM label, pages BETWEEN width AND 5, title LIKE label FROM books, shelves
SELECT ROW(b.*), ROW(b.id, title) FROM books b
SELECT (b).* FROM books b
SELECT (SELECT b) FROM books b
SELECT coalesce(pages, 0) FROM books OFFSET 1 FETCH FIRST 2 ROWS ONLY
SELECT * FROM books LIMIT pages
INSERT INTO books (owner_id, title) VALUES (1, 'x')
INSERT INTO books (owner, title) VALUES (1, 'x')
INSERT INTO books (owner_id, title) VALUES (user_id, 'x')
INSERT INTO books (owner_id, title) VALUES (owner_id, 'x')
INSERT INTO books VALUES (DEFAULT, 1, 'x')
INSERT INTO books DEFAULT VALUES
INSERT INTO books (owner_id, title) SELECT id, name FROM accounts
INSERT INTO books (owner_id, title) SELECT id, title FROM accounts
INSERT INTO books (owner_id, title) SELECT a.id, 'x' FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM books b WHERE b.owner_id = a.id)
INSERT INTO books AS b (owner_id, title) VALUES (1, 'x') ON CONFLICT (owner_id, title) DO UPDATE SET pages = b.pages + excluded.pages WHERE b.state = 'bad'
INSERT INTO books (owner_id, title) VALUES (1, 'x') ON CONFLICT (owner_id, title) DO UPDATE SET pages = excluded.page
INSERT INTO books (owner_id, title) VALUES (1, 'x') ON CONFLICT (owner_id, title) DO UPDATE SET page = 1
INSERT INTO shelves (id, account_id, label) VALUES (1, 1, 'main') ON CONFLICT (account_id) WHERE label = 'main' DO NOTHING
INSERT INTO shelves (id, account_id, label) VALUES (1, 1, 'main') ON CONFLICT (account_id) WHERE name = 'main' DO NOTHING
INSERT INTO accounts (id, email) VALUES (1, 'e') ON CONFLICT ON CONSTRAINT accounts_pkey DO UPDATE SET email = excluded.email RETURNING id, accounts.email, xmax
INSERT INTO accounts (id, email) VALUES (1, 'e') RETURNING *, new.id
INSERT INTO accounts (id, email) VALUES (1, 'e') RETURNING mail
INSERT INTO accounts AS a (id, email) VALUES (1, 'e') RETURNING accounts.id
INSERT INTO accounts (id, home.city) VALUES (1, 'Bonn')
INSERT INTO accounts (id, tags[1]) VALUES (1, 'x')
WITH a AS (SELECT 7 AS n) INSERT INTO notes (id, body) SELECT n, 'x' FROM a
INSERT INTO notes WITH a AS (SELECT 7 AS n) SELECT n, 'x' FROM a
WITH gone AS (DELETE FROM books WHERE pages IS NULL RETURNING id, owner_id, title) INSERT INTO archive.books (id, owner_id, title) SELECT id, owner_id, title FROM gone
WITH gone AS (DELETE FROM books RETURNING id) INSERT INTO archive.books (id, title) SELECT id, title FROM gone
INSERT INTO nowhere VALUES (1)
INSERT INTO archive.books (id, pages) VALUES (1, 2)
UPDATE books SET pages = pages + 1 WHERE owner_id = 1
UPDATE books SET page = 1
UPDATE books b SET pages = b.pages + 1 WHERE b.id = 2
UPDATE books b SET b.pages = 1
UPDATE books b SET pages = 1 WHERE books.id = 2
UPDATE books SET shelf_id = s.id FROM shelves s WHERE s.account_id = owner_id
UPDATE books SET shelf_id = s.id FROM shelves s WHERE s.account_id = user_id
UPDATE books SET shelf_id = (SELECT id FROM shelves WHERE account_id = books.owner_id LIMIT 1)
UPDATE books SET shelf_id = (SELECT id FROM shelves WHERE owner_id = books.owner_id LIMIT 1)
UPDATE books SET shelf_id = (SELECT shelf_id FROM shelves WHERE account_id = books.owner_id LIMIT 1)
UPDATE books SET (pages, title) = (SELECT width, label FROM shelves WHERE id = shelf_id)
UPDATE books SET (pages, title) = (SELECT wide, label FROM shelves WHERE id = shelf_id)
UPDATE books SET (pages, title) = ROW (1, title) WHERE id = 1
UPDATE books SET title = DEFAULT RETURNING id, old.title, new.title
UPDATE books SET title = 'x' RETURNING WITH (OLD AS o, NEW AS n) o.title, n.title
UPDATE accounts SET home.city = 'Bonn', tags[1] = name, prefs['a'] = '1' WHERE (home).zip = '1'
UPDATE accounts SET home.town = 'Bonn'
UPDATE books SET title = a.name FROM accounts a JOIN shelves s ON s.account_id = a.id WHERE a.id = books.owner_id AND s.id = shelf_id
UPDATE books SET title = a.name FROM accounts a JOIN shelves s ON s.account_id = books.owner_id WHERE a.id = books.owner_id
UPDATE books SET title = x.t FROM (VALUES (1, 'a'), (2, 'b')) AS x (i, t) WHERE x.i = id
UPDATE books SET pages = x.n FROM (SELECT owner_id, count(*) AS n FROM archive.books GROUP BY owner_id) x WHERE x.owner_id = books.owner_id
WITH s AS (SELECT account_id, min(id) AS first FROM shelves GROUP BY account_id) UPDATE books SET shelf_id = s.first FROM s WHERE s.account_id = books.owner_id
WITH s AS (SELECT account_id, min(id) FROM shelves GROUP BY account_id) UPDATE books SET shelf_id = s.min FROM s WHERE s.account_id = books.owner_id
WITH s AS (SELECT account_id, min(id) FROM shelves GROUP BY account_id) UPDATE books SET shelf_id = s.id FROM s WHERE s.account_id = books.owner_id
UPDATE ONLY notes SET body = upper(body)
UPDATE owners SET name = 'x'
DELETE FROM books WHERE pages IS NULL
DELETE FROM books WHERE page IS NULL
DELETE FROM books b USING accounts a WHERE a.id = b.owner_id AND email = 'x' RETURNING b.id, a.email
DELETE FROM books USING accounts a WHERE a.id = books.owner_id AND mail = 'x'
DELETE FROM books WHERE shelf_id IN (SELECT shelf_id FROM shelves)
DELETE FROM books WHERE shelf_id IN (SELECT book_id FROM shelves)
DELETE FROM books WHERE ctid = ANY (ARRAY(SELECT ctid FROM books WHERE pages < 3 LIMIT 10))
DELETE FROM books a USING books b WHERE a.title = b.title AND a.ctid < b.ctid
DELETE FROM nowhere
MERGE INTO books b USING archive.books o ON b.id = o.id WHEN MATCHED AND o.archived_at IS NULL THEN UPDATE SET title = o.title WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, title) VALUES (o.id, o.title)
MERGE INTO books b USING archive.books o ON b.id = o.id WHEN MATCHED THEN UPDATE SET titel = o.title
MERGE INTO books b USING archive.books o ON b.id = o.id WHEN MATCHED THEN UPDATE SET title = o.name
MERGE INTO books b USING (SELECT id, name FROM accounts) a ON a.id = b.owner_id WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED THEN INSERT (owner_id, title) VALUES (a.id, a.name) RETURNING merge_action(), b.id, a.name
MERGE INTO books USING accounts a ON a.id = owner_id WHEN NOT MATCHED THEN DO NOTHING
MERGE INTO books USING nowhere n ON n.id = owner_id WHEN NOT MATCHED THEN DO NOTHING
CREATE TABLE made AS SELECT id, title FROM books
CREATE TABLE made AS SELECT id, titel FROM books
CREATE TABLE made (a, b) AS SELECT id, title FROM books
DECLARE c CURSOR FOR SELECT title FROM books WHERE pages > 3
DECLARE c CURSOR FOR SELECT title FROM books WHERE page > 3
SELECT title FROM books WHERE id = (SELECT max(id) FROM books)
SELECT b1.title FROM books b1 JOIN books b2 USING (owner_id) WHERE b1.id < b2.id AND owner_id > 1
SELECT b1.title FROM books b1 JOIN books b2 USING (account_id)
SELECT s.label, b.n FROM shelves s JOIN (SELECT shelf_id, count(*) n FROM books GROUP BY 1) b ON b.shelf_id = s.id
SELECT s.label, b.count FROM shelves s JOIN (SELECT shelf_id, count(*) FROM books GROUP BY 1) b ON b.shelf_id = s.id
SELECT s.label, b.n FROM shelves s JOIN (SELECT shelf_id, count(*) FROM books GROUP BY 1) b ON b.shelf_id = s.id
SELECT x."case" FROM (SELECT CASE WHEN true THEN 1 END) x
SELECT x.coalesce FROM (SELECT coalesce(title, '') FROM books) x
SELECT x.text FROM (SELECT 'a'::text) x
SELECT x.title FROM (SELECT title::varchar FROM books) x
SELECT x.exists FROM (SELECT EXISTS (SELECT 1)) x
SELECT x.array FROM (SELECT ARRAY[1]) x
SELECT x.row FROM (SELECT ROW(1)) x
SELECT x.greatest FROM (SELECT greatest(1, 2)) x
SELECT x.current_date FROM (SELECT current_date) x
SELECT x.city FROM (SELECT (home).city FROM accounts) x
SELECT x.email FROM (SELECT (a).* FROM accounts a) x
SELECT x.email FROM (SELECT (SELECT email FROM accounts LIMIT 1)) x
SELECT x.nullif FROM (SELECT nullif(1, 2)) x
SELECT x.int4 FROM (SELECT 1::int) x
SELECT x.bool FROM (SELECT 'yes'::bool) x
SELECT x.lower FROM (SELECT lower(title) FROM books) x
SELECT x.titel FROM (SELECT lower(title) FROM books) x
