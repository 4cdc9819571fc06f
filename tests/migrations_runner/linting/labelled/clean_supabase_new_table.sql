-- expect: clean
-- catalog: none
CREATE TABLE public.todos (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), owner uuid NOT NULL, task text);
ALTER TABLE public.todos ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own todos" ON public.todos USING (owner = current_setting('app.user')::uuid);
GRANT SELECT, INSERT ON public.todos TO authenticated;
