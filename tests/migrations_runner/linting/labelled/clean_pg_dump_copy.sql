-- expect: clean
-- catalog: none
CREATE TABLE public.kinds (id bigint PRIMARY KEY, label text);
COPY public.kinds (id, label) FROM stdin;
1	DROP TABLE x;
2	two
\.
