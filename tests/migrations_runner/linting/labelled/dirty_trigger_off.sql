-- expect: protection-off@3
-- catalog: books
ALTER TABLE books DISABLE TRIGGER ALL;
