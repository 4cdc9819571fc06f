-- expect: serial-column@4 small-integer-key@4 json-column@5 fixed-length-char@6 limited-varchar@7 timestamp-without-zone@8
-- catalog: none
CREATE TABLE lots (
  id serial PRIMARY KEY,
  data json,
  country char(2),
  name varchar(50),
  made timestamp
);
