-- expect: index-blocks-writes@3
-- catalog: books
CREATE INDEX index_books_on_isbn ON books (isbn);
