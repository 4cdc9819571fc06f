"""Samples of users: uploaded, or read from a real target by a worker; counted before a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from flags.changing import rollout, samples
from flags.changing.publishing import published
from flags.core.blast import SampleTooLarge, UnreadableSample, contexts_of
from flags.core.bucketing import is_exposed
from flags.core.specs import flag_from
from flags.models import Flag, UserSample
from releasecontrol import samples as asking
from releases.models import Environment, TargetDatabase
from tests import databases
from tests.flags.conftest import OPERATOR

KEYS = [f"user-{number}" for number in range(300)]


def upload(text: str) -> UserSample:
    return samples.upload(name="some users", text=text, actor=OPERATOR)


def test_a_change_is_counted_over_an_uploaded_sample(universe: Flag, staging: Environment) -> None:
    upload("\n".join(KEYS))
    rollout.turn_dial(flag=universe, environment=staging, to=10_000, reason="go", actor=OPERATOR)
    document = published(staging, "universe-v2")
    assert document is not None
    after = replace(flag_from(document), dial=25_000)
    blast = samples.blast_radius(sample="some users", environment=staging, after=after)
    let_in = [key for key in KEYS if is_exposed("universe-v2", key, 25_000)]
    assert (blast.sample, blast.inside_after) == (300, len(let_in))
    assert (blast.enter, blast.leave) == (blast.inside_after - blast.inside_before, 0)


def test_an_upload_replaces_the_sample_of_its_name(db: None) -> None:
    upload("a\nb")
    assert upload("c").users == 1
    assert UserSample.objects.count() == 1


def test_a_sample_without_users_is_refused(db: None) -> None:
    with pytest.raises(samples.EmptySample):
        upload(" \n")
    with pytest.raises(UnreadableSample):
        samples.upload(name="two\nlines", text="a", actor=OPERATOR)
    assert not UserSample.objects.exists()


def test_a_sample_nobody_made_is_named(universe: Flag, staging: Environment) -> None:
    document = published(staging, "universe-v2")
    assert document is not None
    with pytest.raises(samples.NoSuchSample, match="nobody"):
        samples.blast_radius(sample="nobody", environment=staging, after=flag_from(document))


def test_samples_are_forgotten(db: None) -> None:
    upload("a")
    assert samples.forget() == 0
    UserSample.objects.update(made_at=timezone.now() - samples.KEEP - timedelta(seconds=1))
    assert samples.forget() == 1


# --- Asked of a target --------------------------------------------------------------------------
@pytest.fixture
def target(
    transactional_db: None, staging: Environment, monkeypatch: pytest.MonkeyPatch
) -> TargetDatabase:
    """A target that is the test's own database: it only reads."""
    monkeypatch.setenv("TARGET_SAMPLED_URL", databases.control_url())
    return TargetDatabase.objects.create(
        name="sampled", environment=staging, url_variable="TARGET_SAMPLED_URL"
    )


def asked(query: str) -> UserSample:
    sample = asking.ask(name="from target", target="sampled", query=query, actor=OPERATOR)
    assert sample.is_awaited
    assert asking.answer(sample.pk)
    assert not asking.answer(sample.pk)  # a task that comes twice changes nothing
    sample.refresh_from_db()
    return sample


def test_a_worker_fills_a_sample_from_a_query(target: TargetDatabase) -> None:
    sample = asked(
        "SELECT 'user, ' || n AS id, CASE n WHEN 1 THEN 'DE' END AS country"
        " FROM generate_series(1, 2) n"
    )
    assert (sample.users, sample.error) == (2, "")
    rows = list(contexts_of(sample.text))
    assert rows == [{"targetingKey": "user, 1", "country": "DE"}, {"targetingKey": "user, 2"}]


def test_one_column_is_enough(target: TargetDatabase) -> None:
    sample = asked("SELECT n FROM generate_series(1, 3) n")
    assert [row["targetingKey"] for row in contexts_of(sample.text)] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nothing", 'column "nothing" does not exist'),
        ("CREATE TABLE made (n int)", "syntax error"),
        ("SELECT nextval('auth_user_id_seq')", "read-only transaction"),
        ("SELECT 1 WHERE false", "no user"),
        ("SELECT 1 AS a, 2 AS b, 3 AS b", "same name"),
        ("SELECT n FROM generate_series(1, 100001) n", "LIMIT"),
    ],
)
def test_a_query_that_gives_no_sample_says_why(
    target: TargetDatabase, query: str, said: str
) -> None:
    assert said in asked(query).error


def test_a_target_out_of_reach_is_a_sentence_without_its_secret(
    target: TargetDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TARGET_SAMPLED_URL", "postgresql://u:hidden@127.0.0.1:1/x")
    error = asked("SELECT 1").error
    assert "sampled" in error
    assert "hidden" not in error


def test_an_ask_without_target_or_query_is_refused(target: TargetDatabase) -> None:
    with pytest.raises(asking.NoSuchTarget):
        asking.ask(name="x", target="nowhere", query="SELECT 1", actor=OPERATOR)
    with pytest.raises(UnreadableSample):
        asking.ask(name="x", target="sampled", query=" ", actor=OPERATOR)
    assert not UserSample.objects.exists()


def test_an_ask_that_nobody_answered_is_poked_again(target: TargetDatabase) -> None:
    sample = asking.ask(name="x", target="sampled", query="SELECT 1", actor=OPERATOR)
    assert asking.redispatch() == 0
    UserSample.objects.update(asked_at=timezone.now() - timedelta(minutes=5))
    assert asking.redispatch() == 1
    assert asking.answer(sample.pk)
    assert asking.redispatch() == 0


def test_too_many_users_are_too_many(db: None) -> None:
    with pytest.raises(SampleTooLarge):
        upload("x\n" * 100_001)
