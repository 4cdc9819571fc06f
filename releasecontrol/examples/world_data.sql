-- Fills the world inside the server, so that 50,000 books take a second and not a minute.
-- Sizes and seed come in as settings (example.accounts, example.books, example.seed). Everything is
-- drawn from md5 of the seed and a running number: the same seed gives the same rows, ids and times
-- included, on every machine and PostgreSQL version.

-- A throw of a die with so many sides, 0-based.
CREATE FUNCTION pg_temp.draw(what text, n bigint, sides bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT ('x' || substr(md5(current_setting('example.seed') || what || n), 1, 8))::bit(32)::bigint
          % sides $$;

-- Shaped like the random (version 4) UUIDs an application would have made.
CREATE FUNCTION pg_temp.made_id(what text, n bigint) RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT overlay(overlay(md5(current_setting('example.seed') || ':' || what || ':' || n)
          PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid $$;

CREATE FUNCTION pg_temp.pick(words text[], what text, n bigint) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT words[1 + pg_temp.draw(what, n, cardinality(words))] $$;

-- Whoever stores names has met these: right-to-left, several code points to one picture (joined
-- emoji, skin tones, a combining accent), a quote in the middle.
CREATE FUNCTION pg_temp.person(n bigint) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT CASE
  WHEN pg_temp.draw('script', n, 20) < 3 THEN
    pg_temp.pick(ARRAY['ليلى','يوسف','مريم','عمر','نور','سلمى','خالد','هدى'], 'first', n) || ' ' ||
    pg_temp.pick(ARRAY['حداد','الفاسي','بن سالم','المصري','خوري','الزهراني'], 'last', n)
  WHEN pg_temp.draw('script', n, 20) = 3 THEN
    pg_temp.pick(ARRAY['Mila','Noah','Zoë','Ravi'], 'first', n) || ' ' ||
    pg_temp.pick(ARRAY['🦊','👩🏽‍🎨','📚✨','🐉'], 'last', n)
  WHEN pg_temp.draw('script', n, 20) < 6 THEN
    pg_temp.pick(ARRAY['Niamh','Sean','Chiara','Anaïs'], 'first', n) || ' ' ||
    pg_temp.pick(ARRAY['O''Brien','D''Angelo','O''Sullivan','d''Aubigné','N’Diaye'], 'last', n)
  ELSE
    pg_temp.pick(ARRAY['Anna','Tom','Jürgen','Sofía','Łukasz','Grete','Ines','Joe' || U&'\0301',
                       'Mei','Pavel','Aroha','Björn'], 'first', n) || ' ' ||
    pg_temp.pick(ARRAY['Lind','Weber','Peña','Kowalska','Tanaka','Okafor','Silva','Novák',
                       'Marsh','Castillo'], 'last', n)
  END $$;

CREATE FUNCTION pg_temp.book_title(n bigint) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT CASE
  WHEN pg_temp.draw('language', n, 20) < 3 THEN
    pg_temp.pick(ARRAY['حكاية','رحلة إلى','مغامرة في','سرّ','ليلة مع'], 'opening', n) || ' ' ||
    pg_temp.pick(ARRAY['القمر','الصحراء','النهر الأزرق','الثعلب الصغير','مدينة النور'], 'thing', n)
  WHEN pg_temp.draw('language', n, 20) = 3 THEN
    pg_temp.pick(ARRAY['🚀 Mission to','🐙 Lost in','🌈 Letters from'], 'opening', n) || ' ' ||
    pg_temp.pick(ARRAY['Planet Pancake','the Sock Drawer','Grandma’s Attic'], 'thing', n)
  WHEN pg_temp.draw('language', n, 20) < 6 THEN
    pg_temp.pick(ARRAY['The Baker''s','Nobody''s','The Moon''s','L''étoile: the'], 'opening', n) ||
    ' ' || pg_temp.pick(ARRAY['Umbrella','Other Left Shoe','100% True Story','Whistle'], 'thing', n)
  ELSE
    pg_temp.pick(ARRAY['The Fox and','How We Found','A Winter with','The Last Days of',
                       'Counting to Ten with','Who Hid'], 'opening', n) || ' ' ||
    pg_temp.pick(ARRAY['the Lantern','the Paper Boat','the Quiet Giant','Aunt Odile',
                       'the Night Tram','a Very Small Dragon','the Seventh Door'], 'thing', n)
  END || CASE WHEN n % 7 = 0 THEN ' ' || (2 + n % 4) ELSE '' END $$;

-- Number 1 is the account that smoke tests act as. It and every tenth after it own no book.
INSERT INTO accounts (id, email, name, created_at)
SELECT pg_temp.made_id('account', n),
       CASE n WHEN 1 THEN 'smoke-test@example.org' ELSE 'reader' || n || '@example.org' END,
       CASE n WHEN 1 THEN 'Smoke test' ELSE pg_temp.person(n) END,
       timestamptz '2024-03-01 08:00+00'
         - make_interval(hours => current_setting('example.accounts')::int - n)
FROM generate_series(1, current_setting('example.accounts')::int) AS n;

-- Which account owns which book. The first round gives each writing account one; the square then
-- bends the rest towards the first accounts: a few publishers with hundreds, many parents with ten.
CREATE TEMPORARY TABLE ownership ON COMMIT DROP AS
WITH size AS (
  SELECT current_setting('example.accounts')::int
           - (current_setting('example.accounts')::int + 9) / 10 AS writers
), ranked AS (
  SELECT n, CASE WHEN n <= writers THEN n - 1
                 ELSE floor(writers * power(pg_temp.draw('owner', n, 65536) / 65536.0::float8, 2)) END::int
            AS rank
  FROM size, generate_series(1, current_setting('example.books')::int) AS n
)
SELECT n, pg_temp.made_id('book', n) AS book,
       pg_temp.made_id('account', (rank / 9) * 10 + rank % 9 + 2) AS account
FROM ranked;

INSERT INTO projects
  (id, user_id, title, status, age_range, template, page_count, created_at, updated_at)
SELECT book, account, pg_temp.book_title(n),
       pg_temp.pick(ARRAY['draft','draft','draft','in_review','published','published','published',
                          'archived'], 'status', n),
       pg_temp.pick(ARRAY['0-3','3-6','6-12','6-12','12+'], 'age', n),
       pg_temp.pick(ARRAY['adventure','adventure','bedtime','alphabet','biography'], 'template', n),
       (8 + pg_temp.draw('pages', n, 120))::int, born,
       born + make_interval(hours => pg_temp.draw('edited', n, 2000)::int)
FROM ownership, LATERAL (
  SELECT timestamptz '2024-03-01 09:00+00'
    + make_interval(mins => (n::bigint * 860000 / current_setting('example.books')::int)::int)
) AS birth (born);

-- Three characters to five books, each with the owner of its book; every fifth is not in a book yet.
INSERT INTO characters (id, user_id, project_id, name, part, created_at)
SELECT pg_temp.made_id('character', n), account, CASE WHEN n % 5 <> 0 THEN book END,
       pg_temp.person(n + 1000000),
       pg_temp.pick(ARRAY['lead','supporting','supporting','villain'], 'part', n),
       timestamptz '2024-03-01 10:00+00' + make_interval(mins => n)
FROM ownership WHERE n % 5 < 3;

-- A few accounts draw figures and have not written a line: content, but no book.
INSERT INTO characters (id, user_id, name, created_at)
SELECT pg_temp.made_id('sketch', n * 2 + k), pg_temp.made_id('account', n),
       pg_temp.person(n + 2000000 + k), timestamptz '2025-01-01 12:00+00' + make_interval(mins => n)
FROM generate_series(11, current_setting('example.accounts')::int, 40) AS n, generate_series(0, 1) AS k;

INSERT INTO assets (id, user_id, project_id, type, name, created_at)
SELECT pg_temp.made_id('asset', n), account, book,
       pg_temp.pick(ARRAY['illustration','illustration','cover','audio'], 'asset', n),
       pg_temp.pick(ARRAY['cover-final.png','خريطة المدينة.svg','page 🐉 sketch.jpg','don''t use.wav'],
                    'file', n),
       timestamptz '2024-03-01 11:00+00' + make_interval(mins => n)
FROM ownership WHERE n % 5 = 3;

INSERT INTO sessions (id, user_id, created_at, last_seen_at)
SELECT pg_temp.made_id('session', n), pg_temp.made_id('account', n),
       timestamptz '2026-02-01 08:00+00' + make_interval(mins => n),
       timestamptz '2026-02-14 08:00+00' + make_interval(mins => n)
FROM generate_series(2, current_setting('example.accounts')::int, 2) AS n;

