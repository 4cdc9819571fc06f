"""Bytes of a plan: repaired where that is certain, refused where nothing good can come of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releasecontrol.plan import encoding
from releasecontrol.plan.encoding import decode, repair
from releasecontrol.plan.parse import parse_plan

SYMBOLS = st.text("✅🎯→—é€ü☑️📊🚀’“”ñ", min_size=1)


def _through_windows(text: str) -> str:
    """What a program shows that takes UTF-8 for Windows-1252 and lets unknown bytes through."""
    return "".join(
        bytes([byte]).decode("latin-1" if byte in b"\x81\x8d\x8f\x90\x9d" else "cp1252")
        for byte in text.encode()
    )


def _through_mac(text: str) -> str:
    return text.encode().decode("mac_roman")


@given(SYMBOLS)
@settings(deadline=None)
def test_a_line_read_as_mac_roman_is_restored(symbols: str) -> None:
    assert repair(f"Error rate {_through_mac(symbols)} now") == f"Error rate {symbols} now"


@pytest.mark.parametrize("text", ["café", "→ page", "Universe ✅", "— done", "🎯 Goals", "50 €"])
def test_a_line_read_as_windows_1252_is_restored(text: str) -> None:
    assert repair(_through_windows(text)) == text


@pytest.mark.parametrize(
    "text",
    ["Implantação concluída", "ação — não", "كتاب جديد", "完了 ✅", "naïve → 5 µs", "Größe ≥ 3 €"],
)
def test_a_correct_line_stays_as_it_is(text: str) -> None:
    assert repair(text) == text


def test_a_line_that_is_half_garbled_stays_as_it_is() -> None:
    line = f"{_through_mac('→')} and ✅"
    assert repair(line) == line


def test_repaired_lines_are_named_by_number() -> None:
    data = f"# Plan\n\n## {_through_mac('🎯')} Objectives\n".encode()
    assert decode(data).repaired_lines == (3,)
    assert decode(data).text.splitlines()[2] == "## 🎯 Objectives"


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode(b"\xef\xbb\xbf# Plan").text == "# Plan"
    assert decode("# Plan ✅".encode("utf-16")).text == "# Plan ✅"


def test_line_ends_of_all_systems_count_the_same() -> None:
    assert decode(b"a\r\nb\rc\nd").lines == ["a", "b", "c", "d"]


@pytest.mark.parametrize("data", [b"", b"   \n\t\n", b"\xef\xbb\xbf", b"\n" * 5000])
def test_an_empty_plan_is_refused(data: bytes) -> None:
    with pytest.raises(encoding.EmptyPlan, match="empty"):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"%PDF-1.7\n% text only from here",
        b"PK\x03\x04word/document.xml",
        b"# Plan\n\x00\n- [ ] a",
        b"\x01\x02\x03\x04 text",
    ],
)
def test_a_binary_file_is_refused(data: bytes) -> None:
    with pytest.raises(encoding.BinaryPlan):
        decode(data)


def test_broken_utf8_is_refused_with_its_first_bad_line() -> None:
    with pytest.raises(encoding.BrokenEncoding, match="line 3"):
        decode(b"# Plan\n\n- caf\xe9\n- \xff\n")


def test_a_plan_of_ten_megabytes_is_refused_before_its_text_is_looked_at() -> None:
    data = b"- [ ] a\n" * 1_310_720
    with pytest.raises(encoding.PlanTooLarge, match="10,485,760"):
        parse_plan(data)
    # Binary, broken and with too many lines as well: the size is what decides.
    with pytest.raises(encoding.PlanTooLarge):
        parse_plan(b"\0\xff\n" * 1_000_000)


def test_the_limit_itself_is_still_accepted() -> None:
    assert len(decode(b"a" * encoding.MAX_BYTES).text) == encoding.MAX_BYTES


def test_too_many_lines_are_refused_with_their_number() -> None:
    with pytest.raises(encoding.TooManyLines, match="10,001"):
        decode(b"a\n" * 10_000 + b"a")


@pytest.mark.parametrize(
    "text",
    [
        ">" * 10_000,
        "> " * 10_000 + "a",
        "- " * 10_000 + "a",
        "* " * 10_000 + "a",
        "1. " * 10_000 + "a",
        "> - " * 10_000 + "a",
        "\n".join("  " * depth + "- a" for depth in range(600)),
    ],
)
def test_towers_of_quotes_and_lists_are_refused(text: str) -> None:
    with pytest.raises(encoding.TooDeeplyNested):
        parse_plan(text.encode())


@pytest.mark.parametrize(
    "text",
    ["[" * 10_000, "[a](" * 10_000, "- " * 10_000, "-" * 10_000, "`" * 10_000, "*a" * 10_000,
     "<!--" * 10_000, "#" * 10_000, "|" * 10_000, "&amp;" * 10_000, "```sql\n" + "/*" * 10_000],
)  # fmt: skip
def test_other_absurd_lines_are_read_without_harm(text: str) -> None:
    plan = parse_plan(text.encode())
    assert [line.line for line in plan.lines] == list(range(1, text.count("\n") + 2))


def test_each_refusal_says_that_nothing_was_stored() -> None:
    own = [
        one for one in encoding.PlanRefused.__subclasses__() if one.__module__ == encoding.__name__
    ]
    assert len(own) == 6
    for refusal in own:
        assert refusal().message.endswith("nothing was stored.")
