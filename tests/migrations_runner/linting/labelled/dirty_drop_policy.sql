-- expect: drop-breaks-code@3
-- catalog: none
DROP POLICY tenant ON books;
