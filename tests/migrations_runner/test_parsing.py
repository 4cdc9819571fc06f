"""Scripts become statements with their places, or a refusal that says where and why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migrations_runner.parsing import check, parse_script
from migrations_runner.refusals import (
    EmptyScript,
    MissingVariables,
    SqlSyntaxError,
    TransactionControlInScript,
    UnreadableText,
    UnsafeRawVariable,
    UnsupportedMetaCommand,
)

ROOT = Path(__file__).resolve().parents[2]
PLAN = ROOT.parent / "shared" / "plans" / "phase-12-cutover.md"
EXAMPLES = sorted((ROOT / "releasecontrol" / "examples" / "scripts").rglob("*.sql"))


def statements(text: str) -> list[str]:
    return [statement.sql for statement in parse_script(text, {}).statements]


def test_statements_know_their_places_in_the_source() -> None:
    script = parse_script(
        "\ufeff-- é\nSELECT 'ü'; UPDATE t\n SET a = :n;\n\n  /* x */ DELETE FROM t", {"n": "10000"}
    )
    found = [(each.index, each.line, each.column, each.kind) for each in script.statements]
    assert found == [(0, 2, 1, "SELECT"), (1, 2, 13, "UPDATE"), (2, 5, 11, "DELETE")]


def test_an_error_position_of_the_server_is_found_in_the_source() -> None:
    source = "SELECT 1;\n\nSELECT 'é', :'x',\n  nowhere FROM t"
    script = parse_script(source, {"x": "a value that is longer than its variable"})
    statement = script.statements[1]
    position = statement.sql.index("nowhere") + 1
    assert script.locate(statement, position) == (4, 3)


@pytest.mark.parametrize(
    ("text", "line", "column", "told"),
    [
        ("SELECT 1;\nSELEC 2;", 2, 1, 'at or near "SELEC"'),
        ("SELECT 'é' FROM 1 x", 1, 17, 'at or near "1"'),
        ("SELECT '😀';\r\n\r\n  SELECT 'ü' FORM a b", 3, 19, 'at or near "a"'),
        ("\ufeffSELEC 1", 1, 1, 'at or near "SELEC"'),
        ("SELECT 'é\n'';", 1, 8, "unterminated quoted string"),
        ("SELECT $$a$b$;", 1, 8, "unterminated dollar-quoted string"),
        ("SELECT 1 /* /* */", 1, 10, "unterminated /* comment"),
        ('SELECT 1 AS "a', 1, 13, "unterminated quoted identifier"),
        ("SELECT 1 FROM", 1, 14, "end of input"),
        ('SELECT 1 AS ""', 1, 13, "zero-length"),
        ("CREATE TABLE t (a int b int)", 1, 23, 'at or near "b"'),
        ("SELECT 1)", 1, 9, 'at or near ")"'),
        ("INSERT INTO t VALUES (1,)", 1, 25, 'at or near ")"'),
        ("SELECT 12abc", 1, 8, "trailing junk"),
    ],
)
def test_a_syntax_error_is_told_by_line_and_column(
    text: str, line: int, column: int, told: str
) -> None:
    with pytest.raises(SqlSyntaxError) as refused:
        parse_script(text, {})
    assert (refused.value.line, refused.value.column) == (line, column)
    assert told in refused.value.message


def test_a_syntax_error_behind_variables_is_told_where_it_stands_in_the_source() -> None:
    with pytest.raises(SqlSyntaxError) as refused:
        parse_script("SELECT :'x', :'x' FROM a b c", {"x": "long " * 50})
    assert (refused.value.line, refused.value.column) == (1, 28)


@pytest.mark.parametrize(
    "text",
    ["", " \n\t ", "\ufeff", "-- only\n/* comments */", ";;;", "\\echo hi\n", "BEGIN; COMMIT"],
)
def test_a_script_without_statements_is_empty(text: str) -> None:
    with pytest.raises(EmptyScript):
        parse_script(text, {})


@pytest.mark.parametrize(("text", "column"), [("SELECT 'a\0b'", 10), ("SELECT '\udc80'", 9)])
def test_text_that_no_server_takes_is_refused(text: str, column: int) -> None:
    with pytest.raises(UnreadableText) as refused:
        parse_script(text, {})
    assert refused.value.column == column


@pytest.mark.parametrize(
    ("text", "line", "command"),
    [
        ("SELECT 1;\n\\i other.sql\n", 2, "\\i"),
        ("SELECT 1;\n\\ir other.sql", 2, "\\ir"),
        ("\\i\nSELECT 1", 1, "\\i"),
        ("\\copy t from 'x.csv'", 1, "\\copy"),
        ("\\copy t from program 'cat'", 1, "\\copy"),
        ("\\copy t from pstdin", 1, "\\copy"),
        ("\\copy t to x.csv", 1, "\\copy"),
        ("\\copy t", 1, "\\copy"),
        ("SELECT 1\n\\copy t from stdin\n1\n\\.", 2, "\\copy"),
        ("SELECT 1; \\gexec", 1, "\\gexec"),
        ("SELECT 1;\n\\gset\nSELECT 2;", 2, "\\gset"),
        ("SELECT 1 \\gset 'a b'", 1, "\\gset"),
        ("SELECT 1 \\g out.txt", 1, "\\g"),
        ("SELECT 1 \\g | cat", 1, "\\g"),
        ("SELECT 1 \\gdesc", 1, "\\gdesc"),
        ("SELECT 1 \\crosstabview", 1, "\\crosstabview"),
        ("SELECT 1 \\bind \\g", 1, "\\bind"),
        ("SELECT 1 \\watch 1", 1, "\\watch"),
        ("\\if true\nSELECT 1;\n", 3, "\\if"),
        ("SELECT 1;\n\\endif", 2, "\\endif"),
        ("\\else\nSELECT 1", 1, "\\else"),
        ("\\if 1\n\\else\n\\elif 1\n\\endif\nSELECT 1", 3, "\\elif"),
        ("\\if `true`\nSELECT 1;\n\\endif", 1, "\\if"),
        ("SELECT 1 AS a \\gset\nSELECT\n\\if :a\n1;\n\\endif", 3, "\\if"),
        ("SELECT 'x' AS a \\gset\n\\i :a", 2, "\\i"),
        ("SELECT 'x' AS a \\gset\n\\set ON_ERROR_STOP :a", 2, "\\set"),
        ("SELECT 1;\n\\unset ON_ERROR_STOP", 2, "\\unset"),
        ("\\c other", 1, "\\c"),
        ("\\! rm -rf /", 1, "\\!"),
        ("\\o out.txt\nSELECT 1", 1, "\\o"),
        ("\\encoding latin1\nSELECT 1", 1, "\\encoding"),
        ("\\d t", 1, "\\d"),
        ("\\restrict abc\n\\set a 1\n\\unrestrict abc\nSELECT 1;", 2, "\\set"),
        ("\\restrict abc\n\\unrestrict other\nSELECT 1;", 2, "\\unrestrict"),
        ("\\echo a \\i b.sql\nSELECT 1", 1, "\\i"),
        ("COPY t FROM stdin; SELECT 1;\n1\n\\.\n", 1, "COPY … FROM stdin"),
        ("SELECT 1;\nCOPY t FROM stdin WITH (FORMAT binary);\n\\.\n", 2, "COPY"),
        ("SET standard_conforming_strings = off; SELECT 1", 1, "SET"),
        ("SELECT 1;\nDISCARD ALL", 2, "DISCARD ALL"),
        ("SELECT pg_advisory_unlock_all()", 1, "pg_advisory_unlock_all"),
        ("DO $$ BEGIN PERFORM PG_ADVISORY_UNLOCK_ALL(); END $$", 1, "pg_advisory_unlock_all"),
        ("SET LOCAL standard_conforming_strings TO false", 1, "SET"),
    ],
)
def test_what_needs_psql_is_refused_by_line_and_command(text: str, line: int, command: str) -> None:
    with pytest.raises(UnsupportedMetaCommand) as refused:
        parse_script(text, {"a": "1"})
    assert (refused.value.line, refused.value.command) == (line, command)


@pytest.mark.parametrize(
    "text",
    [
        "COPY t FROM '/srv/data.csv'",
        "COPY t TO '/srv/data.csv'",
        "COPY t FROM PROGRAM 'cat'",
        "COPY t FROM stdin",
        "COPY t FROM stdin;\n1\t'\\N\n\\.\n",
        "copy s.t (a, b) from STDIN with (format csv);\n1,2\n\\.",
        "/* x */ COPY t\n FROM -- y\n STDIN;\n1\n\\.",
        "\\copy t from stdin\nit's no SQL;\n\\.\n",
        "COPY t TO stdout",
        "COPY (SELECT a FROM stdin) TO STDOUT",
        "\\copy (SELECT a FROM stdin) to pstdout",
        "SELECT 1 \\g",
        "SELECT 1 \\gx (format=unaligned)",
        "SELECT 1 AS a \\gset b_",
        "SELECT 'SELECT 1'\n\\gexec",
        "\\if true\nSELECT 1;\n\\else\n\\! rm\nSELEC\n\\endif",
        "\\restrict abc\nSELECT 1;\n\\unrestrict abc",
        "\\pset pager off\n\\timing on\n\\x \\t\nSELECT 1",
        "SELECT 2\n\\r\nSELECT 1;",
        "SELECT 1;\n\\q\nSELEC",
        "SELECT 1 FROM stdin",
        "SELECT '\\i other.sql', E'\\\\copy'",
        "-- \\i other.sql\nSELECT 1",
        "SET standard_conforming_strings = on",
        "DISCARD TEMP",
    ],
)
def test_what_only_resembles_psql_is_taken(text: str) -> None:
    assert len(statements(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN; SELECT 1; COMMIT;",
        "begin transaction;\nSELECT 1;\nend;\n-- done",
        "START TRANSACTION; SELECT 1; COMMIT WORK",
        "SELECT 1",
    ],
)
def test_a_script_wrapped_in_a_transaction_is_taken_without_its_wrapper(text: str) -> None:
    script = parse_script(text, {})
    assert [(each.index, each.sql) for each in script.statements] == [(0, "SELECT 1")]
    assert script.transactional


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("SELECT 1;\nCOMMIT;", 2),
        ("BEGIN;\nSELECT 1;", 1),
        ("BEGIN;\nSELECT 1;\nROLLBACK;", 1),
        ("BEGIN; SELECT 1; COMMIT;\nANALYZE t;", 1),
        ("BEGIN; SELECT 1;\nCOMMIT;\nBEGIN; SELECT 2; COMMIT;", 2),
        ("SELECT 1;\nABORT", 2),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT", 1),
        ("BEGIN; SELECT 1;\nCOMMIT AND CHAIN", 2),
        ("SELECT 1;\nPREPARE TRANSACTION 'x'", 2),
        ("COMMIT PREPARED 'x'", 1),
        ("BEGIN;\nVACUUM;\nCOMMIT", 2),
        ("BEGIN;\nCREATE INDEX CONCURRENTLY i ON t (a);\nCOMMIT", 2),
        ("VACUUM t;\nSAVEPOINT a", 2),
    ],
)
def test_other_transaction_control_is_refused_by_line(text: str, line: int) -> None:
    with pytest.raises(TransactionControlInScript) as refused:
        parse_script(text, {})
    assert refused.value.line == line


def test_savepoints_stay_inside_the_runners_transaction() -> None:
    script = parse_script("SAVEPOINT a; SELECT 1; ROLLBACK TO a; RELEASE a", {})
    assert script.transactional
    assert [each.transaction_control for each in script.statements] == [True, False, True, True]


def test_one_concurrent_index_makes_the_whole_script_run_without_a_transaction() -> None:
    script = parse_script("CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a);", {})
    assert not script.transactional
    assert [each.in_transaction_ok for each in script.statements] == [True, False]


def test_a_string_may_go_on_after_a_comment_as_on_the_server() -> None:
    assert statements("SELECT 'a' -- it's é\n  ';b'; SELECT 2") == [
        "SELECT 'a' -- it's é\n  ';b'",
        "SELECT 2",
    ]


def test_an_escaped_string_stays_escaped_on_its_next_line() -> None:
    assert len(statements("SELECT E'a'\n'\\';b'; SELECT 2")) == 2


def test_the_hash_is_of_the_text_and_not_of_its_values() -> None:
    text = "SELECT :'x'"
    assert parse_script(text, {"x": "1"}).sha256 == parse_script(text, {"x": "2"}).sha256
    assert parse_script(text, {"x": "1"}).sha256 != parse_script(text + " ", {"x": "1"}).sha256


# --- Before anybody gave values ------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM :table WHERE id = :id LIMIT :n OFFSET :n",
        "ALTER SEQUENCE s RESTART WITH :start",
        "CREATE TABLE t (a varchar(:size), b numeric(:p, :q))",
        "SELECT :'a'::uuid, :\"b\", :{?c}, interval :'d'",
        "SET work_mem = :mem; SET statement_timeout = :'t'",
        "CREATE TABLE :schema.:name (id int); CREATE TABLE part_:n (id int)",
        "SELECT :limit, :user, :1a",
        "SELECT a[:from] FROM t TABLESAMPLE SYSTEM (:share)",
        "GRANT SELECT ON :t TO :role",
        "CREATE INDEX i ON t (a) WITH (fillfactor = :f)",
    ],
)
def test_syntax_is_checked_with_stand_ins_for_every_variable(text: str) -> None:
    assert check(text).problems == ()
    assert parse_script(text, None).statements


def test_a_stand_in_is_told_as_the_variable_it_stands_for() -> None:
    (problem,) = check("SELECT a FROM b c\n:x").problems
    assert (problem.id, problem.line, problem.column) == ("syntax", 2, 1)
    assert problem.message == 'syntax error at or near ":x"'


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("SELECT 1", []),
        ("SELEC 1", ["syntax"]),
        ("-- nothing", ["empty"]),
        ("SELECT :a, :'b', :a", ["variable-unset", "variable-unset"]),
        ("SELECT :a FORM b c", ["variable-unset", "syntax"]),
        ("\\i a.sql\nSELECT 1;\n\\! ls", ["meta-command", "meta-command"]),
        ("COMMIT", ["transaction-control"]),
        ("SELECT '\0'", ["syntax"]),
        ("COPY t FROM stdin;\nit's no SQL\n\\.", []),
    ],
)
def test_problems_are_listed_by_id(text: str, ids: list[str]) -> None:
    checked = check(text, {})
    assert [problem.id for problem in checked.problems] == ids
    assert all(problem.message for problem in checked.problems)


def test_a_check_still_tells_variables_and_statements_when_values_are_missing() -> None:
    checked = check("SELECT :'a';\nVACUUM t", {})
    assert [use.name for use in checked.variables] == ["a"]
    assert [each.kind for each in checked.statements] == ["SELECT", "VACUUM"]
    assert not checked.transactional


# --- The plan and our examples -------------------------------------------------------------------


@pytest.mark.skipif(not PLAN.exists(), reason="the plan is not beside this working copy")
def test_the_plans_own_sql_names_its_variable_and_refuses_it_bare() -> None:
    blocks = re.findall(r"```sql\n(.*?)```", PLAN.read_text(), re.DOTALL)
    kinds = [[each.kind for each in check(block).statements] for block in blocks]
    assert kinds == [["INSERT"], ["UPDATE"], ["UPDATE"]]
    uses = [[(use.name, use.form, use.line) for use in check(block).variables] for block in blocks]
    assert uses == [[], [("user_id", "raw", 10)], [("user_id", "raw", 10)]]
    for block in blocks[1:]:
        with pytest.raises(MissingVariables):
            parse_script(block, {})
        with pytest.raises(UnsafeRawVariable):
            parse_script(block, {"user_id": "0b0e4c7e-1111-4222-8333-444455556666"})
        with pytest.raises(UnsafeRawVariable):
            parse_script(block, {"user_id": "'0b0e4c7e-1111-4222-8333-444455556666' OR true"})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_our_example_scripts_can_run(path: Path) -> None:
    checked = check(path.read_text(encoding="utf-8"), {})
    assert checked.problems == ()
    assert checked.transactional == ("concurrently" not in path.name)
