"""Sizes of batches, and the search for a bad row. No database."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migrations_runner.backfill.masking import labelled, masked
from migrations_runner.backfill.pace import MOST_ROWS, Pace


@given(st.lists(st.tuples(st.integers(1, 100_000), st.floats(0.0001, 30)), max_size=50))
def test_a_batch_never_grows_past_double_nor_out_of_bounds(steps: list[tuple[int, float]]) -> None:
    pace = Pace(budget=0.2)
    for seen, seconds in steps:
        before = pace.rows
        pace.went_well(min(seen, pace.take), seconds)
        assert 1 <= pace.rows <= min(MOST_ROWS, max(before * 2, 1))


def test_batches_settle_at_half_the_budget() -> None:
    pace, speed = Pace(budget=0.2), 20_000.0  # rows a second
    for _ in range(20):
        pace.went_well(pace.take, pace.take / speed)
    assert pace.take / speed == 0.1


def test_others_that_wait_make_batches_shorter_and_quiet_makes_them_long_again() -> None:
    pace = Pace(budget=0.2)
    for _ in range(10):
        pace.others_wait(waiting=True)
    assert 0.02 < pace.goal < 0.03
    for _ in range(20):
        pace.others_wait(waiting=False)
    assert pace.goal == 0.1


@given(st.integers(1, 5000), st.data())
def test_a_bad_row_is_found_by_halves(rows: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, rows - 1))
    pace, at, tries = Pace(budget=0.2, rows=rows), 0, 0
    while True:
        take = min(pace.take, rows - at)
        tries += 1
        if not at <= bad < at + take:
            pace.went_well(take, 0.05)
            at += take
        elif pace.holds_a_bad_row(take):
            break
    assert at == bad
    assert tries <= 2 * rows.bit_length() + 2


@given(st.text(max_size=30))
def test_of_a_text_only_its_beginning_is_shown(value: str) -> None:
    shown = masked(value)
    assert value not in shown or len(value) <= 4 or value.lstrip("-").isdigit() or "-" in value


def test_a_label_names_the_columns() -> None:
    assert labelled(("id", "mail"), ["7", "x@example.org"]) == "id 7, mail x@… (13 characters)"
