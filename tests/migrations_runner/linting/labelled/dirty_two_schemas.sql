-- expect: ambiguous-table@4
-- catalog: twice
UPDATE public.books SET pages = 1 WHERE id = 1;
UPDATE books SET pages = 2 WHERE id = 1;
