-- expect: roles-change@3
-- catalog: none
ALTER ROLE app SET work_mem = '64MB';
