from __future__ import annotations

import io
import re
import zipfile

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from checklists.models import ChecklistItem
from migrations_runner.models import MigrationScript
from releasecontrol.plan.encoding import MAX_BYTES
from releasecontrol.plan.forms import Draft, DraftRefused
from releases.models import PlanDocument, Release
from tests.plan.importing import REAL, SMALL, import_text, real_plan

pytestmark = pytest.mark.django_db
IMPORT = "/releases/import/"


@pytest.fixture
def manager(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


def upload(data: bytes, name: str = "plan.md") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def draft_in(page: str) -> str:
    found = re.search(r'name="draft" value="([^"]+)"', page)
    assert found, "the preview offers nothing to confirm"
    return found[1]


def preview_and_confirm(client: Client, data: bytes, **fields: str) -> str:
    page = client.post(IMPORT, {"file": upload(data), **fields})
    assert page.status_code == 200
    answer = client.post(IMPORT, {"draft": draft_in(page.content.decode())})
    assert answer.status_code == 302
    return str(answer.url)  # type: ignore[attr-defined]


def test_an_upload_is_previewed_and_nothing_is_stored(manager: Client) -> None:
    page = manager.post(IMPORT, {"file": upload(SMALL.encode())}).content.decode()
    assert "Preview: Move the shop" in page
    assert "move-the-shop" in page
    assert "001_create_shelves.sql" in page
    assert "Every line understood" in page
    assert not Release.objects.exists()


def test_confirming_stores_exactly_what_was_previewed(manager: Client) -> None:
    where = preview_and_confirm(manager, SMALL.encode(), slug="shop")
    assert where == reverse("attach-scripts", args=["shop"])
    assert bytes(PlanDocument.objects.get().source) == SMALL.encode()
    assert PlanDocument.objects.get().imported_by == "Ana Almeida"
    assert ChecklistItem.objects.count() == 5


def test_pasted_text_is_the_same_plan_as_the_file(manager: Client) -> None:
    preview_and_confirm(manager, SMALL.encode(), slug="shop")
    page = manager.post(IMPORT, {"text": SMALL.replace("\n", "\r\n"), "slug": "shop"})
    assert "changes nothing" in page.content.decode()
    assert 'name="draft"' not in page.content.decode()


def test_an_edited_plan_shows_its_difference_before_it_is_confirmed(manager: Client) -> None:
    import_text(SMALL)
    edited = SMALL.replace("Backup created", "Backup made").encode()
    page = manager.post(IMPORT, {"file": upload(edited), "slug": "shop"}).content.decode()
    assert "What changes" in page
    assert "Backup made" in page
    assert "Backup created" in page
    preview_and_confirm(manager, edited, slug="shop")
    assert PlanDocument.objects.count() == 2


def test_a_preview_that_was_overtaken_is_not_confirmed(manager: Client) -> None:
    page = manager.post(IMPORT, {"file": upload(SMALL.encode()), "slug": "shop"}).content.decode()
    import_text(SMALL + "\n## Notes\n")
    answer = manager.post(IMPORT, {"draft": draft_in(page)}, follow=True)
    assert "another version since your preview" in answer.content.decode()
    assert PlanDocument.objects.count() == 1


def test_confirming_twice_imports_once(manager: Client) -> None:
    page = manager.post(IMPORT, {"file": upload(SMALL.encode()), "slug": "shop"}).content.decode()
    for _ in range(2):
        assert manager.post(IMPORT, {"draft": draft_in(page)}).status_code == 302
    assert PlanDocument.objects.count() == 1


@pytest.mark.parametrize("forged", ["", "x", "eyJ4IjoxfQ:1abcde:signature"])
def test_a_forged_draft_is_refused_in_words(manager: Client, forged: str) -> None:
    answer = manager.post(IMPORT, {"draft": forged}, follow=True)
    assert answer.status_code == 200
    assert "be confirmed any more" in answer.content.decode()
    assert not Release.objects.exists()


def test_a_draft_survives_the_page_byte_for_byte() -> None:
    draft = Draft("shop", "plan.md", bytes(range(256)), "abc")
    assert Draft.unsealed(draft.sealed()) == draft
    with pytest.raises(DraftRefused):
        Draft.unsealed(draft.sealed()[:-1])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00", "not text"),
        (b"x" * (MAX_BYTES + 1), "larger than 1 MiB"),
        (b"caf\xff", "UTF-8"),
        (b"> " * 5000 + b"deep", "deeply"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused_on_the_form(
    manager: Client, data: bytes, words: str
) -> None:
    page = manager.post(IMPORT, {"file": upload(data)})
    assert page.status_code == 422
    assert words in page.content.decode()


def test_neither_file_nor_text_and_both_are_refused(manager: Client) -> None:
    for fields in ({}, {"file": upload(b"# A"), "text": "# B"}):
        page = manager.post(IMPORT, fields)
        assert page.status_code == 422
        assert "either as a file or as text" in page.content.decode()


def test_ten_megabytes_of_pasted_text_meet_our_refusal(manager: Client) -> None:
    page = manager.post(IMPORT, {"text": "- [ ] one\n" * 1_000_000})
    assert page.status_code == 422
    assert "larger than 1 MiB" in page.content.decode()


def test_a_plan_full_of_markup_is_shown_as_text(manager: Client) -> None:
    nasty = "# <script>alert(1)</script>\n\n## Before\n\n- [ ] <img src=x onerror=alert(2)>\n"
    page = manager.post(IMPORT, {"text": nasty, "slug": "nasty"}).content.decode()
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page


@pytest.mark.parametrize("address", [IMPORT, "/releases/new/"])
def test_only_who_may_reaches_the_forms(client: Client, vic: User, dan: User, address: str) -> None:
    assert client.get(address).status_code == 302
    for person in (vic, dan):
        client.force_login(person)
        assert client.get(address).status_code == 403
        assert client.post(address, {"text": SMALL, "title": "x"}).status_code == 403
    assert not Release.objects.exists()


@real_plan
def test_the_real_plan_previews_with_its_findings(manager: Client) -> None:
    page = manager.post(IMPORT, {"file": upload(REAL.read_bytes())}).content.decode()
    assert "Two rollout schedules disagree" in page
    assert "on 23 lines" in page
    assert "migrate-production-data.sql" in page


def test_a_blank_release_comes_from_a_template(manager: Client) -> None:
    answer = manager.post("/releases/new/", {"title": "Spring move", "template": "cutover"})
    assert answer.status_code == 302
    release = Release.objects.get(slug="spring-move")
    assert ChecklistItem.objects.filter(checklist__release=release).count() > 5


def test_a_taken_or_impossible_slug_is_refused_on_the_form(manager: Client) -> None:
    import_text(SMALL)
    for slug in ("shop", "new", "No Slug"):
        fields = {"title": "Shop", "slug": slug, "template": "blank"}
        assert manager.post("/releases/new/", fields).status_code == 422
    unnamed = manager.post("/releases/new/", {"title": "計画", "template": "blank"})
    assert unnamed.status_code == 422
    assert Release.objects.count() == 1


def test_files_and_an_archive_are_attached_and_strangers_listed(manager: Client) -> None:
    import_text(SMALL)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("db/002_fill_shelves.sql", "SELECT 2;")
        packed.writestr("db/777.sql", "SELECT 7;")
    files = [upload(b"SELECT 1;", "001_create_shelves.sql"), upload(archive.getvalue(), "all.zip")]
    address = reverse("attach-scripts", args=["shop"])
    page = manager.post(address, {"scripts": files}, follow=True).content.decode()
    assert "Attached: 001_create_shelves.sql, 002_fill_shelves.sql." in page
    assert "No script here has the name: db/777.sql." in page
    assert "All files are here" in page


def test_a_refused_file_leaves_every_script_as_it_was(manager: Client) -> None:
    import_text(SMALL)
    files = [upload(b"SELECT 1;", "001_create_shelves.sql"), upload(b"\xff", "002.sql")]
    page = manager.post(reverse("attach-scripts", args=["shop"]), {"scripts": files})
    assert page.status_code == 422
    assert "002.sql" in page.content.decode()
    assert MigrationScript.objects.filter(text="").count() == 2


def test_a_viewer_sees_scripts_but_attaches_none_and_product_sees_none(
    client: Client, vic: User, dora: User
) -> None:
    import_text(SMALL)
    address = reverse("attach-scripts", args=["shop"])
    client.force_login(vic)
    page = client.get(address)
    assert page.status_code == 200
    assert "<form" not in page.content.decode().split("<main")[1]
    assert client.post(address, {"scripts": [upload(b"x", "x.sql")]}).status_code == 403
    client.force_login(dora)
    assert client.get(address).status_code == 403


def test_an_unknown_release_is_not_found(manager: Client) -> None:
    assert manager.get(reverse("attach-scripts", args=["nowhere"])).status_code == 404
