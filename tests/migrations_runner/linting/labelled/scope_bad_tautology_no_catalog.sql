-- expect: outer-column-capture@3
-- catalog: nothing
DELETE FROM anything WHERE owner_id = owner_id;
