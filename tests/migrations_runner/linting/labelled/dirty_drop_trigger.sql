-- expect: drop-breaks-code@3
-- catalog: none
DROP TRIGGER audit_books ON books;
