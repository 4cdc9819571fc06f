"""The admin: our rooms in order, records to read, verbs as actions, nothing for whoever may not."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from checklists import ticking
from checklists.models import ChecklistItem
from releases import targets, tokens
from releases.models import ApiToken, Environment, Event, Release, TargetDatabase
from releases.timeline import Actor

ITEMS = "/admin/checklists/checklistitem/"
TOKENS = "/admin/releases/apitoken/"


def of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", password="x")


def run_action(client: Client, action: str, chosen: list[ChecklistItem], **more: str) -> str:
    given = {"action": action, "_selected_action": [item.pk for item in chosen], **more}
    return str(client.post(ITEMS, given, follow=True).content.decode())


def test_the_index_stands_in_the_order_in_which_a_cutover_meets_the_rooms(root: User) -> None:
    page = of(root).get("/admin/").content.decode()
    rooms = re.findall(r'<h2 id="room-[^"]*">([^<]+)</h2>', page)
    assert rooms == [
        "Releases",
        "Checklists",
        "Flags",
        "SQL migrations",
        "Monitoring",
        "People and access",
        "Worker queue",
    ]


@pytest.mark.parametrize(
    ("room", "labels"),
    [
        ("releases", ["Releases", "Plan documents", "Timeline events"]),
        ("checklists", ["Checklist items", "Checklists"]),
        ("flags", ["Flags", "Rollout dials"]),
        (
            "sql-migrations",
            [
                *("Migration runs", "Migration scripts", "Script versions", "Lint suppressions"),
                *("Pre- and post-migration checks", "Check results", "Integrity findings"),
                *("Rehearsals", "Approvals", "Backups", "Applied scripts", "Target databases"),
                "Holds",
            ],
        ),
    ],
)
def test_each_room_names_its_records_in_the_words_of_the_field(
    root: User, room: str, labels: list[str]
) -> None:
    page = of(root).get("/admin/").content.decode()
    section = page.split(f'id="room-{room}"')[1].split("</section>")[0]
    assert re.findall(r'<a href="[^"]+">([^<]+)</a>', section) == labels


def test_the_queue_is_for_superusers_and_to_look_at_only(root: User, ana: User) -> None:
    assert "Worker queue" not in of(ana).get("/admin/").content.decode()
    assert of(ana).get("/admin/django_q/ormq/").status_code == 403
    for name in ("ormq", "success", "failure"):
        assert of(root).get(f"/admin/django_q/{name}/").status_code == 200
        assert of(root).get(f"/admin/django_q/{name}/add/").status_code == 403
    assert of(root).get("/admin/django_q/schedule/").status_code == 404


def test_support_does_not_enter_and_product_sees_no_sql(cleo: User, dora: User) -> None:
    assert of(cleo).get("/admin/").status_code == 302
    page = of(dora).get("/admin/").content.decode()
    assert "Migration scripts" not in page
    assert of(dora).get("/admin/migrations_runner/migrationscript/").status_code == 403


def test_every_page_of_the_admin_opens(root: User, release: Release) -> None:
    page = of(root).get("/admin/").content.decode()
    for address in re.findall(r'href="(/admin/[^"]+)"', page):
        assert of(root).get(address).status_code == 200, address


def test_the_viewer_looks_at_all_and_is_offered_no_change(vic: User, release: Release) -> None:
    page = of(vic).get("/admin/").content.decode()
    assert "/add/" not in page
    form = of(vic).get(f"/admin/releases/release/{release.pk}/change/").content.decode()
    assert 'name="_save"' not in form
    assert "Tick" not in of(vic).get(ITEMS).content.decode().split("result_list")[0]


# --- Releases ----------------------------------------------------------------------------------


def test_a_release_leads_to_its_pages(ana: User, release: Release) -> None:
    page = of(ana).get(f"/admin/releases/release/{release.pk}/change/").content.decode()
    tools = page.split('class="object-tools"')[1].split("</ul>")[0]
    offered = re.findall(r">([^<]+)</a>", tools)
    assert offered[:5] == ["Board", "Checklist", "Migration runs", "Flags", "Status"]


def test_the_state_of_a_release_is_moved_by_verbs_only(ana: User, release: Release) -> None:
    address = f"/admin/releases/release/{release.pk}/change/"
    of(ana).post(address, {"title": "New title", "state": "complete", "slug": "other"})
    release.refresh_from_db()
    assert (release.title, release.state, release.slug) == ("New title", "draft", "universe-v2")
    edit = Event.objects.get()
    assert (edit.verb, edit.data) == ("release.edit", {"changed": ["title"]})


def test_no_release_is_made_or_deleted_in_the_admin(root: User, release: Release) -> None:
    assert of(root).get("/admin/releases/release/add/").status_code == 403
    assert of(root).get(f"/admin/releases/release/{release.pk}/delete/").status_code == 403
    assert "delete_selected" not in of(root).get("/admin/releases/release/").content.decode()


def test_the_list_tells_how_much_is_settled(
    ana: User, release: Release, items: list[ChecklistItem]
) -> None:
    ticking.tick(item=items[0], actor=Actor.person(ana))
    assert "1 of 5" in of(ana).get("/admin/releases/release/").content.decode()


def test_events_are_told_in_sentences_and_never_edited(
    root: User, release: Release, items: list[ChecklistItem], ana: User
) -> None:
    ticking.tick(item=items[0], actor=Actor.person(ana))
    event = Event.objects.get()
    page = of(root).get("/admin/releases/event/").content.decode()
    assert "Ana Almeida ticked “Backup created”" in page
    assert of(root).get(f"/admin/releases/event/{event.pk}/change/").status_code == 200
    assert of(root).post(f"/admin/releases/event/{event.pk}/change/", {}).status_code == 403
    assert of(root).post(f"/admin/releases/event/{event.pk}/delete/").status_code == 403


# --- Checklist items -----------------------------------------------------------------------------


def test_tick_and_untick_as_list_actions_go_through_the_verbs(
    ben: User, items: list[ChecklistItem]
) -> None:
    client = of(ben)
    assert "2 ticked." in run_action(client, "tick", items)
    again = run_action(client, "tick", items)
    assert again.count("your tick was not needed") == 2
    assert "2 unticked." in run_action(client, "untick", items)
    assert Event.objects.count() == 4


def test_waive_asks_for_the_reason_on_a_page_of_its_own(
    ben: User, items: list[ChecklistItem]
) -> None:
    client = of(ben)
    asked = run_action(client, "waive", items)
    assert "may they be skipped?" in asked
    assert not Event.objects.exists()
    assert "Please say why" in run_action(client, "waive", items, reason="  ")
    assert "2 waived" in run_action(client, "waive", items, reason="Nightly job")
    assert set(
        ChecklistItem.objects.filter(checklist__key="before").values_list("state", flat=True)
    ) == {"waiving"}


def test_the_three_verbs_are_offered_by_name(ben: User, items: list[ChecklistItem]) -> None:
    page = of(ben).get(ITEMS).content.decode()
    offered = re.findall(r'<option value="(?:tick|untick|waive)">([^<]+)</option>', page)
    assert offered == ["Tick", "Untick", "Waive…"]


def test_the_state_of_an_item_can_not_be_typed(ben: User, items: list[ChecklistItem]) -> None:
    address = f"{ITEMS}{items[0].pk}/change/"
    of(ben).post(
        address, {"text": "Backup created and read back", "required": "on", "state": "done"}
    )
    items[0].refresh_from_db()
    assert (items[0].text, items[0].state) == ("Backup created and read back", "open")
    assert Event.objects.get().data == {"changed": ["text"]}


def test_an_item_is_added_through_the_verb(ben: User, items: list[ChecklistItem]) -> None:
    given = {"checklist": items[0].checklist_id, "text": "Pager tested", "required": "on"}
    answer = of(ben).post(f"{ITEMS}add/", given)
    assert answer["Location"] == ITEMS
    assert Event.objects.get().verb == "item.add"


def test_a_refusal_in_a_form_is_a_message(ben: User, items: list[ChecklistItem]) -> None:
    Release.objects.update(state="closed")
    given = {"text": "Other", "required": "on"}
    answer = of(ben).post(f"{ITEMS}{items[0].pk}/change/", given, follow=True)
    assert answer.status_code == 200
    assert "This release has ended" in answer.content.decode()
    assert not Event.objects.exists()


# --- Tokens and targets -----------------------------------------------------------------------


def test_a_token_is_shown_once_and_kept_as_a_digest(ana: User, staging: Environment) -> None:
    client = of(ana)
    given = {"name": "web shop", "environment": staging.pk, "scope": "evaluate"}
    answer = client.post(f"{TOKENS}add/", given)
    found = re.search(r'value="(rc_staging_[^"]+)"', answer.content.decode())
    assert found is not None
    assert "no-store" in answer["Cache-Control"]
    assert ApiToken.objects.get().digest == tokens.digest(found[1])
    assert found[1] not in client.get(TOKENS).content.decode()


def test_a_managing_token_acts_as_whoever_made_it(ana: User, staging: Environment) -> None:
    given = {"name": "script", "environment": staging.pk, "scope": "manage"}
    of(ana).post(f"{TOKENS}add/", given)
    assert ApiToken.objects.get().user == ana


def test_a_token_ends_by_being_revoked(ana: User, staging: Environment) -> None:
    actor = Actor.person(ana)
    made, plain = tokens.issue(environment=staging, scope="evaluate", name="x", actor=actor)
    given = {"action": "revoke", "_selected_action": [made.pk]}
    page = of(ana).post(TOKENS, given, follow=True).content.decode()
    assert "1 revoked." in page
    assert tokens.verify(plain, scope="evaluate") is None
    assert "was revoked before" in of(ana).post(TOKENS, given, follow=True).content.decode()


def test_only_those_who_may_issue_tokens(ben: User, vic: User, staging: Environment) -> None:
    for person in (ben, vic):
        assert of(person).get(f"{TOKENS}add/").status_code == 403
        given = {"name": "x", "environment": staging.pk, "scope": "evaluate"}
        assert of(person).post(f"{TOKENS}add/", given).status_code == 403
    assert not ApiToken.objects.exists()


def test_a_replaced_target_is_forgotten_on_the_timeline(ana: User, staging: Environment) -> None:
    target = TargetDatabase.objects.create(
        name="staging",
        environment=staging,
        url_variable="TARGET_STAGING_URL",
        identity={"system": "1", "oid": 5, "database": "shop"},
    )
    given = {"action": "forget_identity", "_selected_action": [target.pk]}
    of(ana).post("/admin/releases/targetdatabase/", given)
    target.refresh_from_db()
    assert target.identity == {}
    assert Event.objects.get().data["before"]["database"] == "shop"
    targets.check_identity(target, targets.Identity("2", 6, "shop", "18", "rc"))


def test_a_target_holds_the_name_of_a_variable_never_a_url(ana: User, staging: Environment) -> None:
    given = {
        "name": "production",
        "environment": staging.pk,
        "url_variable": "postgresql://u:secret@h/db",
        "stall_budget_ms": 200,
        "statement_timeout_ms": 1000,
    }
    answer = of(ana).post("/admin/releases/targetdatabase/add/", given)
    assert "never the URL itself" in answer.content.decode()
    assert not TargetDatabase.objects.exists()
