"""Which foreign keys have to agree: drawn by hypothesis, and a few by hand."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from migrations_runner.safety.graph import MOST_HOPS, MOST_PAIRS, Column, ForeignKey, Table, pairs

EQUAL = ("pg_catalog", "=")


def link(oid: int, child: int, parent: int, *, required: bool = False) -> ForeignKey:
    column = Column(oid, f"c{oid}", 23, "id", EQUAL, EQUAL)
    one, other = (Table(n, "public", f"t{n}", key=("id",)) for n in (child, parent))
    return ForeignKey(oid, f"k{oid}", one, other, (column,), required=required)


LINKS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans()), max_size=14).map(
    lambda drawn: [
        link(oid, child, parent, required=required)
        for oid, (child, parent, required) in enumerate(drawn)
    ]
)


@given(LINKS)
def test_every_pair_is_two_whole_paths_from_one_child_to_one_owner(links: list[ForeignKey]) -> None:
    found = pairs(links)
    for pair in found:
        for path in (pair.one, pair.other):
            assert 1 <= len(path) <= MOST_HOPS
            assert path[0].child == pair.child
            assert path[-1].parent == pair.owner
            assert all(a.parent == b.child for a, b in pairwise(path))
            met = [pair.child.oid, *(hop.parent.oid for hop in path)]
            assert len(set(met)) == len(met)
        assert pair.one[0] != pair.other[0]
        assert len(pair.other) > 1
        assert pair.owner.oid not in pair.tables
    assert all(
        sum(p.child.oid == child for p in found) <= MOST_PAIRS
        for child in {p.child.oid for p in found}
    )


@given(LINKS, st.randoms())
def test_the_order_of_the_catalog_says_nothing(links: list[ForeignKey], random: object) -> None:
    shuffled = list(links)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {pair.key for pair in pairs(links)} == {pair.key for pair in pairs(shuffled)}


def test_a_book_belongs_to_the_account_of_its_universe() -> None:
    owner, through, of_parent = link(1, 10, 30), link(2, 10, 20), link(3, 20, 30)
    (pair,) = pairs([through, of_parent, owner])
    assert (pair.one, pair.other) == ((owner,), (through, of_parent))


def test_sender_and_receiver_may_differ_and_so_may_answers() -> None:
    assert pairs([link(1, 10, 30), link(2, 10, 30)]) == ()
    assert pairs([link(1, 10, 30), link(2, 10, 10)]) == ()


def test_what_is_always_there_stands_for_all_others() -> None:
    links = [link(2, 1, 20), link(3, 20, 9), link(4, 1, 21), link(5, 21, 9)]
    assert len(pairs([link(1, 1, 9, required=True), *links])) == 2
    assert len(pairs([link(1, 1, 9), *links])) == 3
