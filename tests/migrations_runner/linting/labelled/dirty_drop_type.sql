-- expect: drop-breaks-code@3
-- catalog: none
DROP TYPE IF EXISTS mood;
