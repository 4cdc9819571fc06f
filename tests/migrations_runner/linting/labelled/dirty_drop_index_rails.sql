-- expect: drop-index-blocks@3
-- catalog: books
DROP INDEX index_books_on_title;
