"""The ruleset in memory: fresh within moments, whole, and still there without a database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from flags.changing import rollout
from flags.changing.publishing import publish
from flags.models import Flag, FlagState, RulesetRevision, Variant
from flags.serving import keeper as keeping
from flags.serving import ruleset, snapshot
from releases import tokens
from releases.models import ApiToken, Environment
from tests.flags.conftest import OPERATOR, make_flag, republish

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keeper")]

DEADLINE = 10.0


def revision(environment: Environment) -> int:
    return RulesetRevision.objects.get(environment=environment).revision


def turn(flag: Flag, environment: Environment, to: int) -> None:
    rollout.turn_dial(flag=flag, environment=environment, to=to, reason="test", actor=OPERATOR)


def test_rows_become_rulesets_of_their_own_environment(
    universe: Flag, staging: Environment, production: Environment
) -> None:
    turn(universe, staging, 100_000)
    loaded = snapshot.load().rulesets
    assert loaded["staging"].flags["universe-v2"]({}).value is True
    assert loaded["production"].flags["universe-v2"]({}).value is False
    assert loaded["staging"].revision == revision(staging)


def test_an_archived_flag_and_one_without_a_row_here_are_not_in_the_ruleset(
    universe: Flag, staging: Environment, production: Environment
) -> None:
    make_flag("only-production", production)
    old = make_flag("old", staging)
    Flag.objects.filter(pk=old.pk).update(archived_at=timezone.now())
    republish(staging)
    assert set(snapshot.load().rulesets["staging"].flags) == {"universe-v2"}


def test_a_flag_that_cannot_be_compiled_does_not_take_the_others_with_it(
    universe: Flag, staging: Environment
) -> None:
    broken = make_flag("broken", staging)
    Variant.objects.filter(flag=broken, is_off=True).delete()
    republish(staging)
    rules = snapshot.load().rulesets["staging"]
    assert set(rules.flags) == {"universe-v2"}
    assert "off variant" in rules.broken["broken"]


def test_numbers_keep_the_kind_they_were_stored_with(staging: Environment) -> None:
    flag = make_flag("ratio", staging)
    Flag.objects.filter(pk=flag.pk).update(kind=Flag.Kind.NUMBER)
    Variant.objects.filter(flag=flag, name="on").update(value=1.0)
    Variant.objects.filter(flag=flag, name="off").update(value=0)
    republish(staging)
    on, off = snapshot.load().rulesets["staging"].specs["ratio"].variants
    assert isinstance(on.value, float)
    assert isinstance(off.value, int)


def test_a_turned_dial_reaches_the_ruleset_without_a_query_of_the_reader(
    universe: Flag, staging: Environment
) -> None:
    assert ruleset.current("staging").flags["universe-v2"]({}).value is False
    turn(universe, staging, 100_000)
    rules = ruleset.wait_for_revision("staging", revision(staging), DEADLINE)
    assert rules.flags["universe-v2"]({}).value is True


def test_news_come_by_notification_and_not_only_by_the_poll(
    universe: Flag, staging: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "POLL_SECONDS", 3600.0)
    ruleset.current("staging")
    for to in (1000, 2000, 3000):
        turn(universe, staging, to)
        wanted = revision(staging)
        assert ruleset.wait_for_revision("staging", wanted, DEADLINE).revision == wanted


def test_the_poll_finds_what_no_notification_told(
    universe: Flag, staging: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "POLL_SECONDS", 0.05)
    held = ruleset.current("staging").revision
    RulesetRevision.objects.filter(environment=staging).update(revision=held + 1)
    assert ruleset.wait_for_revision("staging", held + 1, DEADLINE).revision == held + 1


def test_a_change_that_is_rolled_back_is_never_announced(
    universe: Flag, staging: Environment
) -> None:
    before = ruleset.current("staging")
    with transaction.atomic():
        FlagState.objects.update(dial=100_000)
        publish(staging)
        transaction.set_rollback(True)
    turn(universe, staging, 5000)
    after = ruleset.wait_for_revision("staging", revision(staging), DEADLINE)
    assert after.revision == before.revision + 1
    assert after.specs["universe-v2"].dial == 5000


def test_concurrent_publishers_get_consecutive_revisions(
    universe: Flag, staging: Environment
) -> None:
    first, each = revision(staging), 5

    def publish_often() -> None:
        for _ in range(each):
            with transaction.atomic():
                publish(staging)
        connection.close()

    threads = [threading.Thread(target=publish_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert revision(staging) == first + each * len(threads)


def test_a_fresh_token_works_at_once_and_a_revoked_one_stops(
    staging: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "POLL_SECONDS", 3600.0)
    ruleset.snapshot()
    row, text = tokens.issue(environment=staging, scope="evaluate", name="a", actor=OPERATOR)
    facts = ruleset.token(text)
    assert facts is not None
    assert (facts.id, facts.environment, facts.scope) == (row.pk, "staging", "evaluate")
    tokens.revoke(token=row, actor=OPERATOR)
    assert _eventually(lambda: ruleset.token(text) is None)


def test_an_expired_token_is_no_token(staging: Environment) -> None:
    text = tokens.issue(environment=staging, scope="evaluate", name="a", actor=OPERATOR)[1]
    assert ruleset.token(text) is not None
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1), revoked_at=None)
    ruleset.stop()
    assert ruleset.token(text) is None


def test_guessing_tokens_costs_one_look_and_not_one_each(
    staging: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "POLL_SECONDS", 3600.0)
    monkeypatch.setattr(ruleset, "REFRESH_SECONDS", 3600.0)
    ruleset.snapshot()
    looks = _count_readings()
    before = looks()
    for guess in range(200):
        assert ruleset.token(f"rc_staging_{guess}") is None
    assert looks() - before <= 2  # a wake that comes while a look is under way leads to a second


def test_an_unknown_environment_is_refused(staging: Environment) -> None:
    with pytest.raises(ruleset.UnknownEnvironment):
        ruleset.current("moon")


@pytest.fixture
def unreachable_database(universe: Flag) -> Iterator[None]:
    """New connections are refused and present ones ended, as when a server restarts."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datname FROM pg_database WHERE datallowconn AND datname <> %s", [name]
        )
        other = cursor.fetchone()[0]
    ruleset.current("staging")
    options = {**connection.get_connection_params(), "dbname": other, "autocommit": True}
    with psycopg.connect(**options) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        yield
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    connection.close()


def test_without_a_database_the_last_ruleset_answers_and_its_age_grows(
    unreachable_database: None,
) -> None:
    connection.close()
    assert _eventually(lambda: (ruleset.age() or 0) > 2 * 0.2)
    assert ruleset.current("staging").flags["universe-v2"]({}).variant == "off"
    assert ruleset.token("rc_staging_unknown") is None


def test_when_the_database_is_back_the_ruleset_is_fresh_again(
    universe: Flag, staging: Environment
) -> None:
    ruleset.current("staging")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    turn(universe, staging, 7000)
    rules = ruleset.wait_for_revision("staging", revision(staging), DEADLINE)
    assert rules.specs["universe-v2"].dial == 7000


def test_a_process_that_has_never_seen_the_database_says_so_without_waiting_long(
    unreachable_database: None,
) -> None:
    ruleset.stop()
    shutil.rmtree(settings.RULESET_DIR)  # nothing was kept on disk either
    with pytest.raises(ruleset.NoRulesetYet):
        ruleset.current("staging")
    assert ruleset.age() is None


# Python 3.12 and later warn of what is tested here.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_a_keeper_of_its_own(universe: Flag) -> None:
    parent = ruleset.current("staging")
    child = os.fork()
    if child == 0:
        try:
            fresh = ruleset.current("staging")
            ruleset.stop()
            os._exit(0 if fresh is not parent and fresh.revision == parent.revision else 1)
        except BaseException:  # noqa: BLE001  (a child that returns would run the tests twice)
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ruleset.current("staging") is parent


_KILLER = """
import django; django.setup()
from django.conf import settings
from flags.changing import rollout
from flags.changing.lookup import find_environment, find_flag
from releases.timeline import Actor
rollout.kill(flag=find_flag("universe-v2"), environment=find_environment("staging"),
             reason="from another process", actor=Actor.command("test"))
"""


def test_a_kill_in_another_process_reaches_this_one_by_notification(
    universe: Flag, staging: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "POLL_SECONDS", 3600.0)
    turn(universe, staging, 100_000)
    lived = ruleset.wait_for_revision("staging", revision(staging), DEADLINE)
    assert lived.flags["universe-v2"]({}).value is True
    facts = connection.settings_dict
    address = f"{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
    url = f"postgresql://{facts['USER']}:{facts['PASSWORD']}@{address}"
    subprocess.run(
        [sys.executable, "-c", _KILLER], env={**os.environ, "DATABASE_URL": url}, check=True
    )
    killed = ruleset.wait_for_revision("staging", lived.revision + 1, DEADLINE)
    answer = killed.flags["universe-v2"]({"targetingKey": "user-1"})
    assert (answer.value, answer.reason) == (False, "DISABLED")


def _eventually(holds: Callable[[], bool]) -> bool:
    """Wait, woken by each reading of the keeper, until something holds; False at the deadline."""
    return ruleset._kept().wait_until(lambda _held: holds(), DEADLINE)


def _count_readings() -> Callable[[], int]:
    kept = ruleset._kept()
    return lambda: kept._finished
