-- expect: index-blocks-writes@3
-- catalog: books
CREATE INDEX books_unpublished ON books (account_id)
  WHERE published IS NULL;
