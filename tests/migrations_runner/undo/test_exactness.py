"""Every type goes back exactly: the row's text before is the row's text after, whatever it held."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.migrations_runner.undo.conftest import Apply, Target, Undo

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'so so', 'o"k');
CREATE DOMAIN short AS text CHECK (length(value) < 99);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE things (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    f4 real, f8 double precision, n numeric, t text, v varchar(300), c char(9), b bytea,
    ts timestamp, tz timestamptz, d date, i interval, j json, jb jsonb, u uuid, m mood, s short,
    p pair, ia int[], ta text[], pa pair[], q "char", bo boolean, ip inet, r int4range,
    mr nummultirange, bits bit varying, pt point, tv tsvector, money money, nm name,
    doubled numeric GENERATED ALWAYS AS (n * 2) STORED
)
"""
FIXED = """
INSERT INTO things (f4, f8, n, t, c, b, ts, tz, d, i, j, jb, m, s, p, ia, ta, pa, q, ip, r, mr,
                    bits, pt, tv, money, nm) VALUES
('NaN', '-Infinity', 'NaN', '', 'ab  ', '', 'infinity', '-infinity', 'infinity',
 '-1 year 3 days 00:00:00.000001', '{"a":1, "a" : 2}', '{"b": 1.00}', 'o"k', ', "', ROW(NULL, NULL),
 '[0:1]={1,NULL}', '{"", NULL, "NULL"}', ARRAY[ROW(1, 'x"y')::pair, NULL], 'x', '::1/64', 'empty',
 '{[1,2),(3,4]}', '0101', '(1e300,-0)', '''a b'':1A c', '-12.34', 'n'),
('-0', '5e-324', '1.000', NULL, '', '\\x00ff', '4713-01-01 BC', '294276-12-31 23:59:59.999999+00',
 '4713-01-01 BC', '0', 'null', 'null', NULL, NULL, ROW(1, ''), '{}', '{}', '{}', '', NULL, '[,)',
 '{}', '', NULL, '', '0', '')
"""

COLUMNS = {
    "f4": st.floats(width=32),
    "f8": st.floats(),
    "n": st.decimals(
        allow_nan=False, allow_infinity=False, places=7, min_value=-1e20, max_value=1e20
    ),
    "t": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
    "b": st.binary(max_size=40),
    "ts": st.datetimes(),
    "d": st.dates(),
    "i": st.timedeltas(),
    "u": st.uuids(),
    "ia": st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=4),
    "ta": st.lists(
        st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
        max_size=4,
    ),
    "bo": st.booleans(),
}
NAMES = list(COLUMNS)
ROWS = st.lists(
    st.tuples(*(st.none() | strategy for strategy in COLUMNS.values())), min_size=1, max_size=4
)
CASTS = ", ".join("%s::int[]" if name == "ia" else "%s" for name in NAMES)
CHANGES = [
    (
        "UPDATE things SET f4 = 1, f8 = 2, n = 3, t = 'x', b = 'y', ts = now(), d = now(),"
        " u = NULL, ia = '{9}', ta = NULL, p = NULL, jb = '[]', q = 'z', tv = 'q', m = 'sad'"
    ),
    "DELETE FROM things",
]


def texts(target: Target) -> list[tuple[object, ...]]:
    return target.execute("SELECT t::text FROM things t ORDER BY id").fetchall()


def test_every_type_goes_back_exactly(on_target: Target, apply: Apply, undo: Undo) -> None:
    on_target.execute(TYPES)
    on_target.execute(FIXED)

    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(rows=ROWS, change=st.sampled_from(CHANGES))
    def check(rows: list[tuple[object, ...]], change: str) -> None:
        with on_target.cursor() as cursor:
            cursor.executemany(f"INSERT INTO things ({', '.join(NAMES)}) VALUES ({CASTS})", rows)
        before = texts(on_target)
        run = apply(change)
        assert texts(on_target) != before
        undo(run)
        assert texts(on_target) == before

    check()
