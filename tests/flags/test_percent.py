"""Percentages as people type them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.core.percent import (
    NotAPercentage,
    PercentOutOfRange,
    PercentRefused,
    TooManyDecimals,
    format_percent,
    parse_percent,
)


@given(st.integers(0, 100_000))
def test_what_is_written_is_read_back_as_the_same_dial(dial: int) -> None:
    assert parse_percent(format_percent(dial)) == dial


@pytest.mark.parametrize(
    ("text", "dial"),
    [("0", 0), ("-0", 0), ("100", 100_000), ("100.000", 100_000), ("012.5 %", 12_500), (0.1, 100)],
)
def test_plain_numbers_are_read_exactly(text: str | float, dial: int) -> None:
    assert parse_percent(text) == dial


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "%",
        "ten",
        "nan",
        "inf",
        "-inf",
        "1e1",
        "12,5",
        "1_0",
        "0x10",
        "١٠",
        ".5",
        "5.",
        "+5",
        "10 %%",
        "9" * 5000,
        "1\x00",
        "10; DROP TABLE",
    ],
)
def test_anything_else_is_not_a_percentage(text: str) -> None:
    with pytest.raises(NotAPercentage):
        parse_percent(text)


@pytest.mark.parametrize("text", ["100.001", "101", "-1", "-0.001", "99999999999999999"])
def test_more_than_everybody_and_less_than_nobody_are_refused(text: str) -> None:
    with pytest.raises(PercentOutOfRange, match="between 0 and 100"):
        parse_percent(text)


def test_a_fourth_decimal_is_refused_rather_than_rounded() -> None:
    with pytest.raises(TooManyDecimals, match=r"no more than three decimals.*12\.3456"):
        parse_percent("12.3456")


@given(st.text() | st.floats() | st.integers() | st.decimals().map(str))
def test_every_input_gets_a_dial_or_a_refusal(text: str | float) -> None:
    try:
        dial = parse_percent(text)
    except PercentRefused as refused:
        assert refused.message  # noqa: PT017  (either outcome is right, a third is not)
    else:
        assert Decimal(dial) / 1000 == Decimal(str(text).strip().removesuffix("%").rstrip())
