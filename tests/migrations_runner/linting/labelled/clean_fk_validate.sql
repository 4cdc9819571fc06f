-- expect: clean
-- catalog: books
ALTER TABLE books VALIDATE CONSTRAINT books_acc2;
