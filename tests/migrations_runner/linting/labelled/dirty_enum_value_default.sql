-- expect: enum-value-used-at-once@3 default-changes@4
-- catalog: none
ALTER TYPE mood ADD VALUE 'calm' BEFORE 'glad';
ALTER TABLE people ALTER COLUMN feels SET DEFAULT 'calm'::mood;
