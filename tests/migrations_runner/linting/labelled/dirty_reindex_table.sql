-- expect: reindex-blocks-writes@3
-- catalog: books
REINDEX TABLE books;
