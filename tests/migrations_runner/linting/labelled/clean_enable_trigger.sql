-- expect: clean
-- catalog: books
ALTER TABLE books ENABLE TRIGGER ALL;
