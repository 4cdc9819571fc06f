-- expect: privileges-change@3
-- catalog: none
REVOKE INSERT ON orders FROM app;
