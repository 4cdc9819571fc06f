-- expect: clean
-- catalog: none
DELETE FROM carts; -- rc: allow whole-table-write: carts are only a cache
