"""Precision and recall over all labelled scripts: the numbers are printed with ``-s``."""

from __future__ import annotations

from tests.migrations_runner.linting.catalogs import CATALOGS
from tests.migrations_runner.linting.labelled_set import scripts, spoken


def test_findings_are_right_and_hardly_one_is_missed() -> None:
    hits = missed = false = 0
    wrong = []
    for script in (each for each in scripts() if each.catalog in CATALOGS):
        found = spoken(script.found(CATALOGS[script.catalog]))
        hits += len(found & script.expected)
        missed += len(script.expected - found)
        false += len(found - script.expected)
        if found != script.expected:
            wrong.append(f"{script.path.name}: {sorted(found ^ script.expected)}")
    precision, recall = hits / (hits + false), hits / (hits + missed)
    print(f"precision {precision:.3f}, recall {recall:.3f}", *wrong, sep="\n")
    assert precision >= 0.95, wrong
    assert recall >= 0.9, wrong


def test_the_set_is_large_and_a_good_part_of_it_clean() -> None:
    every = list(scripts())
    assert len(every) >= 200
    assert sum(not each.expected for each in every) >= 0.4 * len(every)
