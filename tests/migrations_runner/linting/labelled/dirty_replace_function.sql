-- expect: replaces-what-is-used@3
-- catalog: books
CREATE OR REPLACE FUNCTION full_title(b bigint) RETURNS text LANGUAGE sql AS $$ SELECT title FROM books WHERE id = b $$;
