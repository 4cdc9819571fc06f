-- expect: clean
-- catalog: none
CREATE SCHEMA IF NOT EXISTS reporting;
CREATE TABLE reporting.days (day date PRIMARY KEY, n bigint NOT NULL DEFAULT 0);
