-- expect: roles-change@3
-- catalog: none
CREATE ROLE reporter NOLOGIN;
