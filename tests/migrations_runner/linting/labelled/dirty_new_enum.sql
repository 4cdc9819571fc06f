-- expect: enum-type@3
-- catalog: none
CREATE TYPE mood AS ENUM ('sad', 'glad');
