"""psql variables: where they are, what a value may do, and what it may never do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import postgast
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from migrations_runner.parsing import columns_of
from migrations_runner.psql.marks import Variable, lex
from migrations_runner.psql.pieces import Substituted, put_together
from migrations_runner.psql.program import Query
from migrations_runner.psql.whole import read_script
from migrations_runner.quoting import quote_identifier, quote_literal
from migrations_runner.refusals import (
    MissingVariables,
    UnreadableText,
    UnsafeRawVariable,
    UnsupportedMetaCommand,
)
from migrations_runner.variables import find, required


def substituted(text: str, values: Mapping[str, str]) -> list[Substituted]:
    """Each statement with its values put in."""
    reading = read_script(text, values, {}, columns_of)
    if reading.refused:
        raise reading.refused[0]
    if reading.missing:
        raise MissingVariables(tuple(reading.missing.values()))
    return [
        put_together(step.source, step.pieces, lambda variable: variable.name)
        for step in reading.steps
        if isinstance(step, Query)
    ]


def put_in(text: str, values: Mapping[str, str]) -> str:
    return ";".join(each.text for each in substituted(text, values))


def names(text: str) -> list[str]:
    return [use.name for use in find(text)]


def test_every_form_is_found_with_its_place() -> None:
    found = find("SELECT 'é', :a,\n  :'b' || :\"c\", :{?d}")
    assert [(use.name, use.form, use.line, use.column) for use in found] == [
        ("a", "raw", 1, 13),
        ("b", "literal", 2, 3),
        ("c", "identifier", 2, 11),
        ("d", "test", 2, 17),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a::int",
        "SELECT a :: int",
        "SELECT x[1:2], x[:2], x[1:]",
        "SELECT x[lo:hi], x[f(1):hi], x[lo+1 :hi], x[y[1]:hi]",
        "DO $$ BEGIN a := b; a:=b; END $$",
        "SELECT f(a := 1)",
        "SELECT ':a' || \":b\" || $$ :c $$ || E'\\':d'",
        "SELECT 1 -- :a\n /* :b /* :c */ :d */",
        "SELECT ': a', 1 : 2",
        "SELECT '12:30'::time",
        "SELECT U&':a', B'1', x':a', e'\\\\' || ':a'",
    ],
)
def test_what_only_looks_like_a_variable_is_none(text: str) -> None:
    assert names(text) == []
    assert required(text) == ()


def test_a_variable_may_stand_right_beside_a_quote() -> None:
    assert names("SELECT 'a':b,\"c\":d,$$e$$:f,g:h;:i") == ["b", "d", "f", "h", "i"]


def test_a_bracket_may_begin_with_a_variable() -> None:
    assert names("SELECT ARRAY[:a, 1 + :b], x[:c], x[CASE WHEN :d THEN 1 END]") == list("abcd")


def test_missing_ones_are_named_once_with_their_first_line() -> None:
    with pytest.raises(MissingVariables) as refused:
        put_in("SELECT :'a',\n:b, :a, :{?z}", {})
    assert refused.value.names == ("a", "b")
    assert refused.value.lines == (1, 2)
    assert "a (line 1), b (line 2)" in refused.value.message


def test_a_name_that_the_script_sets_is_needed_from_nobody() -> None:
    text = "\\set a 5\nSELECT :a, :b;"
    assert required(text) == ("b",)
    assert put_in(text, {"b": "1"}).strip() == "SELECT 5, 1"


def test_a_name_set_too_late_is_missing_before() -> None:
    assert required("SELECT :a;\n\\set a 5\nSELECT :a;") == ("a",)


def test_values_are_quoted_by_their_form() -> None:
    text = """SELECT :n, :'t', :"i", :{?n}, :{?other}"""
    values = {"n": "-1.5e3", "t": "O'Hara", "i": 'a"b'}
    assert put_in(text, values) == """SELECT -1.5e3, 'O''Hara', "a""b", TRUE, FALSE"""


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "1 OR true",
        "'x'",
        "x'",
        "1;DROP TABLE t",
        "1--",
        "/*",
        "$$",
        "a b",
        "a,b",
        "f()",
        "a::text",
        ":n",
        "0b0e4c7e-0000-4000-8000-000000000001",
        "1\n",
        "é",
        '"a"',
        "\\",
        "1_",
    ],
)
def test_a_bare_variable_takes_no_value_that_could_be_code(value: str) -> None:
    with pytest.raises(UnsafeRawVariable) as refused:
        put_in("UPDATE books SET a = 1\nWHERE user_id = :user_id", {"user_id": value})
    assert (refused.value.line, refused.value.column) == (2, 17)
    assert "write :'user_id'" in refused.value.message


@pytest.mark.parametrize("value", ["0", "5", "-5", "+1.5", ".5", "1e10", "books", "a.b", "_x1"])
def test_a_bare_variable_takes_plain_numbers_and_names(value: str) -> None:
    assert put_in("SELECT :x;", {"x": value}) == f"SELECT {value}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SELECT 1 -:x", "-5"),  # would begin a comment
        ("SELECT 1 /:x", "+5"),
        ("SELECT :x'\\' OR true --'", "e"),  # would make an E string
        ("SELECT $:x$ ' $a$", "a"),  # would make a dollar quote
        ("SELECT :x$$;$$", "a"),  # would hide one
        ('SELECT U&:x"a"', "u"),
    ],
)
def test_a_bare_value_is_refused_where_it_would_melt_into_its_neighbours(
    text: str, value: str
) -> None:
    with pytest.raises(UnsafeRawVariable):
        put_in(text, {"x": value})


@pytest.mark.parametrize("form", [":x", ":'x'", ':"x"'])
@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_value_no_sql_text_may_hold_is_refused(form: str, value: str) -> None:
    with pytest.raises(UnreadableText):
        put_in(f"SELECT {form}", {"x": value})


def test_a_backslash_in_a_value_does_not_reach_the_next_piece_of_the_string() -> None:
    text = put_in("SELECT :'x'\n'\\', 'b'", {"x": "a\\"})
    assert text == "SELECT 'a\\'\n'\\', 'b'"
    assert strings(text) == ["a\\\\", "b"]


@pytest.mark.parametrize(
    "line",
    [
        "\\set x `date`",
        "\\set x 'a",
        "\\set",
        "\\set 'x y' 1",
        "\\set ON_ERROR_STOP off",
        "\\set ON_ERROR_STOP 0",
        "\\set AUTOCOMMIT off",
        "\\set ON_ERROR_ROLLBACK on",
        "\\set SINGLELINE on",
        "\\echo `date`",
    ],
)
def test_a_command_that_would_do_more_than_set_or_print_is_refused(line: str) -> None:
    with pytest.raises(UnsupportedMetaCommand) as refused:
        put_in(f"SELECT 1;\n  {line}\n", {"y": "1"})
    assert (refused.value.line, refused.value.column) == (2, 3)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("\\set x a", "a"),
        ("\\set x a b 'c d'", "abc d"),
        ("\\set x 'it''s'", "it's"),
        ("\\set x 'a\\tb\\101\\x41\\q'", "a\tbAAq"),
        ('\\set x "a b"', '"a b"'),
        ("\\set x :y", "O'Hara"),
        ("\\set x <:y>", "<O'Hara>"),
        ("\\set x :'y'", "'O''Hara'"),
        ('\\set x :"y"', '"O\'Hara"'),
        ("\\set x :{?y}:{?z}", "TRUEFALSE"),
        ("\\set x ':y'", ":y"),
        ("\\set x", ""),
        ("\\set x 1 -- no comment", "1--nocomment"),
    ],
)
def test_set_joins_its_arguments_as_psql_does(line: str, value: str) -> None:
    text = f"{line}\nSELECT :'x', :'y'"
    assert put_in(text, {"y": "O'Hara"}).strip() == f"SELECT {quote_literal(value)}, 'O''Hara'"


@pytest.mark.parametrize(
    "value", ["id > 5", "a, b", "'it''s'", "now()", "(SELECT 1)", "a[1]", "E'\\\\n'", "$$x$$"]
)
def test_what_the_script_itself_sets_may_be_any_piece_of_sql(value: str) -> None:
    quoted = "'" + value.replace("'", "''").replace("\\", "\\\\") + "'"
    assert put_in(f"\\set x {quoted}\nSELECT :x", {}).strip() == f"SELECT {value}"


@pytest.mark.parametrize(
    "value", ["1; DROP TABLE t", "'", "(", ")", "1 --", "/*", "$$", ":y", "a \\\\g", "[1", '"a']
)
def test_not_even_the_script_itself_may_set_what_would_not_end(value: str) -> None:
    quoted = "'" + value.replace("'", "''") + "'"
    with pytest.raises(UnsafeRawVariable):
        put_in(f"\\set x {quoted}\nSELECT :x", {"y": "1"})


def test_a_value_from_outside_stays_from_outside_when_it_is_set_again() -> None:
    with pytest.raises(UnsafeRawVariable):
        put_in("\\set x 'id = ' :y\nSELECT :x", {"y": "1 OR true"})


def test_switches_that_say_what_we_do_anyway_are_taken() -> None:
    text = "\\set ON_ERROR_STOP on\n\\set ON_ERROR_STOP 1\n\\set AUTOCOMMIT on\nSELECT 1"
    assert put_in(text, {}).strip() == "SELECT 1"


def test_every_character_remembers_where_it_came_from() -> None:
    source = "SELECT :'é', 1;\n\\set b 2\nSELECT :b, 'x';"
    first, second = substituted(source, {"é": "a long value"})
    for done, piece in ((first, "SELECT 'a"), (first, ", 1"), (second, ", 'x'")):
        offset = done.text.rindex(piece)
        assert source[done.source_offset(offset)] == piece[0]
    assert first.source_offset(first.text.index("long")) == source.index(":'é'")
    assert first.place(first.text.index(", 1")) == (1, 12)


QUOTED = [
    lambda inner: "'" + inner.replace("'", "''") + "'",
    lambda inner: "E'" + inner.replace("\\", "\\\\").replace("'", "\\'") + "'",
    lambda inner: '"' + inner.replace('"', '""') + '"',
    lambda inner: "$q$" + inner.replace("$", "") + "$q$",
    lambda inner: "/* /* " + inner.replace("*", "").replace("/", "") + " */ */",
    lambda inner: "-- " + inner.replace("\n", " ").replace("\r", " ") + "\n",
]
TRICKY = st.text(alphabet="ab:'\"\\$;*/-\n {?}éx", max_size=30)


@given(st.lists(st.tuples(st.sampled_from(QUOTED), TRICKY), min_size=1, max_size=6))
def test_what_is_quoted_is_never_touched(pieces: list[tuple[Any, str]]) -> None:
    text = " , ".join(quote(inner) for quote, inner in pieces)
    assert lex(text) == ()
    assert put_in("SELECT 1" + text, {"a": "1", "b": "2", "x": "3"}) == "SELECT 1" + text


@given(TRICKY, st.lists(st.tuples(st.sampled_from(QUOTED), TRICKY), max_size=3))
def test_quotes_before_a_variable_never_hide_it(value: str, pieces: list[tuple[Any, str]]) -> None:
    text = " , ".join([*(quote(inner) for quote, inner in pieces), ":'v'"])
    marks = [mark for mark in lex(text) if isinstance(mark, Variable)]
    assert [(mark.name, mark.start) for mark in marks] == [("v", len(text) - 4)]
    assert put_in(text, {"v": value}) == text[:-4] + quote_literal(value)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_a_literal_means_the_value_to_the_parser(value: str) -> None:
    (statement,) = postgast.parse(put_in("SELECT :'v'", {"v": value})).stmts
    target = statement.stmt.select_stmt.target_list[0].res_target
    assert target.val.a_const.sval.sval == value


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=15)
)
def test_an_identifier_means_the_value_to_the_parser(value: str) -> None:
    (statement,) = postgast.parse(f"SELECT 1 AS {quote_identifier(value)}").stmts
    assert statement.stmt.select_stmt.target_list[0].res_target.name == value


@given(
    before=st.text(alphabet="aeE1&$U-+/*'\"\n x", max_size=3),
    value=st.text(alphabet="aeU1-+.$&'\";:/* ", max_size=4),
    after=st.text(alphabet="ae1&$-+/*'\"\n x:", max_size=3),
)
def test_a_bare_value_opens_no_quote_and_ends_no_statement(
    before: str, value: str, after: str
) -> None:
    """Behind the statement everything is read as with the plainest value of its kind."""
    source = f"SELECT {before}:v{after}\n;SELECT 'tail', $$tail$$"
    assume(names(source) == ["v"])
    try:
        text = put_in(source, {"v": value})
    except UnsafeRawVariable:
        return
    plain = "n" if value[0].isalpha() else "7"
    expected = scanned(source.replace(":v", plain))
    assert expected is None or scanned(text) == expected


def scanned(text: str) -> tuple[str, ...] | None:
    """The tokens from the first semicolon on, as PostgreSQL scans them; None if it can't."""
    try:
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError:
        return None
    data = text.encode()
    whole = [data[token.start : token.end].decode() for token in tokens]
    return tuple(whole[whole.index(";") :]) if ";" in whole else ()


def strings(text: str) -> list[str]:
    (statement,) = postgast.parse(text).stmts
    targets = statement.stmt.select_stmt.target_list
    return [target.res_target.val.a_const.sval.sval for target in targets]
