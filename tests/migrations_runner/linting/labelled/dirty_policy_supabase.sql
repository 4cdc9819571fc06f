-- expect: policy-changes@3
-- catalog: none
CREATE POLICY "Public profiles" ON public.profiles FOR SELECT USING (true);
