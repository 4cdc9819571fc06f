-- expect: protection-off@3
-- catalog: none
ALTER TABLE profiles DISABLE ROW LEVEL SECURITY;
