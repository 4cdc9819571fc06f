"""Flags and dials inside the admin: same verbs, same refusals, for the roles that may."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from flags.changing import rollout
from flags.models import Flag, FlagState, RulesetRevision
from releases.models import Environment, Event
from tests.flags.conftest import OPERATOR, make_flag


@pytest.fixture
def state(universe: Flag, staging: Environment) -> FlagState:
    return FlagState.objects.get(flag=universe, environment=staging)


def page(name: str, state: FlagState) -> str:
    return reverse(f"admin:flags_flagstate_{name}", args=[state.pk])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def test_the_list_and_the_record_offer_the_verbs_by_name(state: FlagState, ana: User) -> None:
    client = signed_in(ana)
    listed = text(client.get(reverse("admin:flags_flagstate_changelist")))
    assert "Turn the dial…" in listed
    assert "Kill: dial to 0 % now" in listed
    record = text(client.get(page("change", state)))
    assert page("turn", state) in record
    assert page("kill", state) in record
    assert page("rearm", state) not in record


def test_a_viewer_sees_dials_but_no_verbs(state: FlagState, vic: User) -> None:
    client = signed_in(vic)
    assert page("turn", state) not in text(client.get(page("change", state)))
    for verb in ("turn", "kill", "rearm", "switch"):
        assert client.get(page(verb, state)).status_code == 403
        assert client.post(page(verb, state), {"to": "5", "reason": "x"}).status_code == 403
    state.refresh_from_db()
    assert state.dial == 0


def test_a_preview_says_what_would_change_and_changes_nothing(state: FlagState, ana: User) -> None:
    shown = text(
        signed_in(ana).post(page("turn", state), {"to": "12.5", "reason": "x", "_preview": "1"})
    )
    assert "0 % → 12.5 %" in shown
    state.refresh_from_db()
    assert state.dial == 0


def test_turning_the_dial_is_on_the_timeline_under_the_persons_name(
    state: FlagState, ana: User
) -> None:
    answer = signed_in(ana).post(page("turn", state), {"to": "12.5", "reason": "phase 1"})
    assert answer.status_code == 302
    state.refresh_from_db()
    assert state.dial == 12_500
    event = Event.objects.get(verb="flag.turn_dial")
    assert (event.actor_name, event.data["reason"]) == ("Ana Almeida", "phase 1")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"to": "101", "reason": "x"}, "between 0 and 100"),
        ({"to": "1.2345", "reason": "x"}, "three decimals"),
        ({"to": "ten", "reason": "x"}, "plain number"),
        ({"to": "10", "reason": " "}, "required"),
    ],
)
def test_a_wrong_form_is_refused_in_words(
    state: FlagState, ana: User, given: dict[str, str], said: str
) -> None:
    assert said in text(signed_in(ana).post(page("turn", state), given))
    state.refresh_from_db()
    assert state.dial == 0


def test_a_kill_needs_no_reason_and_is_shown_as_done_when_it_was_done_before(
    state: FlagState, dora: User
) -> None:
    client = signed_in(dora)
    assert "killed. It was at 0 %" in text(client.post(page("kill", state), {}, follow=True))
    assert "was killed already" in text(client.post(page("kill", state), {}, follow=True))
    assert "re-arm it before" in text(client.post(page("turn", state), {"to": "5", "reason": "x"}))
    assert "re-armed" in text(client.post(page("rearm", state), {"reason": "fixed"}, follow=True))
    assert "not killed" in text(client.post(page("rearm", state), {"reason": "fixed"}))


def test_switching_is_a_page_of_its_own(state: FlagState, ben: User) -> None:
    client = signed_in(ben)
    assert "switched off" in text(client.post(page("switch", state), {"reason": "x"}, follow=True))
    assert "switched on" in text(client.post(page("switch", state), {"reason": "x"}, follow=True))


def test_the_list_action_asks_once_and_then_kills_each(
    state: FlagState, production: Environment, ana: User
) -> None:
    other = make_flag("editor", production)
    rollout.turn_dial(flag=other, environment=production, to=5000, reason="test", actor=OPERATOR)
    chosen = [state.pk, FlagState.objects.get(flag=other).pk]
    client, address = signed_in(ana), reverse("admin:flags_flagstate_changelist")
    asked = {"action": "kill_selected", "_selected_action": chosen}
    assert "These go to" in text(client.post(address, asked))
    assert not FlagState.objects.exclude(killed_at=None).exists()
    done = text(client.post(address, {**asked, "_confirmed": "yes", "reason": "r"}, follow=True))
    assert "It was at 5 %" in done
    assert FlagState.objects.exclude(killed_at=None).filter(dial=0).count() == 2


def test_a_viewer_cannot_kill_by_the_list_action(state: FlagState, vic: User) -> None:
    signed_in(vic).post(
        reverse("admin:flags_flagstate_changelist"),
        {"action": "kill_selected", "_selected_action": [state.pk], "_confirmed": "yes"},
    )
    state.refresh_from_db()
    assert state.killed_at is None


def test_one_dial_at_a_time_is_turned_from_the_list(
    state: FlagState, universe: Flag, ana: User
) -> None:
    client, address = signed_in(ana), reverse("admin:flags_flagstate_changelist")
    one = {"action": "turn_selected", "_selected_action": [state.pk]}
    assert client.post(address, one)["Location"] == page("turn", state)
    both = {**one, "_selected_action": [row.pk for row in universe.states.all()]}
    assert "Choose one dial" in text(client.post(address, both, follow=True))


# --- Flags --------------------------------------------------------------------------------------
def form_of(key: str, *variants: dict[str, str], **fields: str) -> dict[str, str]:
    form = {
        "key": key,
        "name": key.title(),
        "kind": "boolean",
        "purpose": "",
        "use": "release",
        "bucket_by": "targetingKey",
        **fields,
    }
    form |= {"variants-TOTAL_FORMS": str(len(variants)), "variants-INITIAL_FORMS": "0"}
    for place, variant in enumerate(variants):
        form |= {f"variants-{place}-{name}": value for name, value in variant.items()}
    return form


@pytest.mark.django_db
def test_a_new_boolean_flag_gets_on_and_off_and_a_dial_in_each_environment(
    staging: Environment, production: Environment, ana: User
) -> None:
    answer = signed_in(ana).post(reverse("admin:flags_flag_add"), form_of("new-flag"))
    assert answer.status_code == 302
    flag = Flag.objects.get(key="new-flag")
    assert [(v.name, v.value, v.weight) for v in flag.variants.all()] == [
        ("on", True, 1000),
        ("off", False, 0),
    ]
    assert [(s.environment, s.dial) for s in flag.states.all()] == [(staging, 0), (production, 0)]
    assert RulesetRevision.objects.get(environment=production).revision == 1
    assert Event.objects.get(verb="flag.create").actor_name == "Ana Almeida"


def test_variants_that_make_no_flag_are_refused_and_nothing_is_stored(
    staging: Environment, ana: User
) -> None:
    a = {"name": "a", "value": '"x"', "weight": "400", "position": "0"}
    off = {"name": "plain", "value": '"y"', "weight": "0", "position": "1", "is_off": "on"}
    wrong = {
        "not to 1000": (a, off),
        "Exactly one variant": ({**a, "weight": "1000"},),
        "Not a String value": ({**a, "weight": "1000", "value": "7"}, off),
    }
    client, address = signed_in(ana), reverse("admin:flags_flag_add")
    for said, variants in wrong.items():
        shown = text(client.post(address, form_of("theme", *variants, kind="string")))
        assert said in shown
    assert not Flag.objects.exists()
    right = form_of("theme", {**a, "weight": "1000"}, off, kind="string")
    assert client.post(address, right).status_code == 302


def test_editing_a_flag_raises_the_revision_everywhere(universe: Flag, ana: User) -> None:
    before = dict(RulesetRevision.objects.values_list("environment__slug", "revision"))
    on, off = universe.variants.all()
    form = form_of("universe-v2", name="Universe", kind="boolean")
    form |= {"variants-TOTAL_FORMS": "2", "variants-INITIAL_FORMS": "2"}
    for place, variant in enumerate((on, off)):
        form |= {
            f"variants-{place}-id": str(variant.pk),
            f"variants-{place}-flag": str(universe.pk),
            f"variants-{place}-name": variant.name,
            f"variants-{place}-value": "true" if variant.value else "false",
            f"variants-{place}-weight": str(variant.weight),
            f"variants-{place}-position": str(variant.position),
        }
    form["variants-1-is_off"] = "on"
    answer = signed_in(ana).post(reverse("admin:flags_flag_change", args=[universe.pk]), form)
    assert answer.status_code == 302
    after = dict(RulesetRevision.objects.values_list("environment__slug", "revision"))
    assert after == {slug: revision + 1 for slug, revision in before.items()}


def test_flags_are_not_deleted(universe: Flag, ana: User, admin_client: Client) -> None:
    address = reverse("admin:flags_flag_delete", args=[universe.pk])
    assert admin_client.post(address, {"post": "yes"}).status_code == 403
    assert Flag.objects.exists()


# --- Commands -----------------------------------------------------------------------------------
def test_the_commands_turn_and_kill(state: FlagState, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("universe-v2", "--environment", "staging", "--reason", "r")
    call_command("turn_dial", *where, "--to", "12.5")
    call_command("turn_dial", *where, "--to", "12.5")
    call_command("kill_flag", *where)
    call_command("kill_flag", *where)
    assert capsys.readouterr().out.splitlines() == [
        "universe-v2 on staging: from 0 % to 12.5 %.",
        "universe-v2 on staging: stays at 12.5 %.",
        "universe-v2 on staging: killed; it was at 12.5 %.",
        "universe-v2 on staging: was killed already.",
    ]
    with pytest.raises(CommandError, match="re-arm"):
        call_command("turn_dial", *where, "--to", "5")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing", "--environment", "staging", "--to", "5"), "Known: universe-v2"),
        (("bad\x00\udcff", "--environment", "staging", "--to", "5"), "no flag of that key"),
        (("universe-v2", "--environment", "moon", "--to", "5"), "Known: staging, production"),
        (("universe-v2", "--environment", "staging", "--to", "nan"), "plain number"),
        (("universe-v2", "--environment", "staging", "--to", "101"), "between 0 and 100"),
    ],
)
def test_the_commands_refuse_in_one_line(
    state: FlagState, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError, match=said) as refused:
        call_command("turn_dial", *arguments, "--reason", "r")
    assert "\n" not in str(refused.value)
