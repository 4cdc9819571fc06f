-- expect: large-change-at-once@3
-- catalog: books
DELETE FROM books WHERE published < '2001-01-01';
