-- expect: small-integer-key@4
-- catalog: none
CREATE TABLE a (
  id integer GENERATED ALWAYS AS IDENTITY,
  x text,
  PRIMARY KEY (id)
);
