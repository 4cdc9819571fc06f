-- expect: unquoted-variable@3
-- catalog: nothing
DELETE FROM anything WHERE owner = :owner::uuid;
