-- expect: system-settings-change@3
-- catalog: none
ALTER SYSTEM SET work_mem = '64MB';
