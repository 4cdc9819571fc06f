-- expect: clean
-- catalog: none
SET client_encoding = 'UTF8';
SET check_function_bodies = false;
CREATE TABLE public.kinds (
    id bigint NOT NULL,
    label text NOT NULL
);
ALTER TABLE ONLY public.kinds ADD CONSTRAINT kinds_pkey PRIMARY KEY (id);
CREATE INDEX kinds_label ON public.kinds USING btree (label);
