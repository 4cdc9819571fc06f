-- expect: serial-column@4 timestamp-without-zone@6
-- catalog: none
CREATE TABLE "posts" (
  "id" bigserial primary key,
  "title" character varying,
  "created_at" timestamp(6) NOT NULL
);
