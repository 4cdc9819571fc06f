-- expect: vacuum-full-rewrites-table@3
-- catalog: books
VACUUM FULL books;
