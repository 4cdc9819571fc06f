-- expect: clean
-- catalog: none
CREATE OR REPLACE FUNCTION public.set_updated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.u = now(); RETURN NEW; END; $$;
DROP TRIGGER IF EXISTS set_updated ON public.profiles;
CREATE TRIGGER set_updated BEFORE UPDATE ON public.profiles FOR EACH ROW EXECUTE FUNCTION public.set_updated();
