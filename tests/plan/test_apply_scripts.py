"""Files find the scripts that wait for them, by name and within bounds."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from migrations_runner.models import MigrationScript
from releasecontrol.plan import scripts
from releases.models import Event, Release
from releases.refusals import NotPermitted
from releases.timeline import Actor
from tests.plan.importing import SMALL, import_text

SHELL = Actor.command("test")


def packed(**files: bytes | str) -> bytes:
    """A zip archive; ``__`` in a name is a slash and ``_sql`` its ending."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_sql", ".sql"), content)
    return target.getvalue()


@pytest.fixture
def shop(db: None) -> Release:
    return import_text(SMALL).release


def test_files_are_matched_by_base_name_whatever_their_folder(shop: Release) -> None:
    files = {"a/b/001_create_shelves.sql": "SELECT 1;", "other.sql": "SELECT 2;"}
    done = scripts.attach(release=shop, files=files, actor=SHELL)
    assert done == scripts.Attached(["001_create_shelves.sql"], [], ["other.sql"])
    assert scripts.awaiting(shop) == ["002_fill_shelves.sql"]
    assert MigrationScript.objects.get(name="001_create_shelves.sql").sha256


def test_each_attached_file_is_on_the_timeline_and_the_same_text_is_not(shop: Release) -> None:
    files = {"001_create_shelves.sql": "SELECT 1;"}
    scripts.attach(release=shop, files=files, actor=SHELL)
    again = scripts.attach(release=shop, files=files, actor=SHELL)
    assert again.same == ["001_create_shelves.sql"]
    assert Event.objects.filter(verb="script.attach").count() == 1


def test_two_different_files_of_one_name_are_refused_by_both_paths(shop: Release) -> None:
    files = {"a/001_create_shelves.sql": "SELECT 1;", "b/001_create_shelves.sql": "SELECT 2;"}
    with pytest.raises(scripts.AmbiguousFiles, match=r"a/001.* and b/001"):
        scripts.attach(release=shop, files=files, actor=SHELL)
    assert len(scripts.awaiting(shop)) == 2


def test_the_plans_own_path_decides_between_two_files(shop: Release) -> None:
    files = {"db/001_create_shelves.sql": "SELECT 1;", "old/001_create_shelves.sql": "SELECT 2;"}
    scripts.attach(release=shop, files=files, actor=SHELL)
    assert MigrationScript.objects.get(name="001_create_shelves.sql").text == "SELECT 1;"


def test_an_ended_release_takes_no_more_files(shop: Release) -> None:
    Release.objects.update(state="cancelled")
    with pytest.raises(scripts.ScriptsAreFinal):
        scripts.attach(release=shop, files={"001_create_shelves.sql": "x"}, actor=SHELL)


def test_product_may_not_attach(shop: Release, dora: User) -> None:
    with pytest.raises(NotPermitted):
        scripts.attach(release=shop, files={"x.sql": "x"}, actor=Actor.person(dora))


def test_a_directory_gives_its_sql_files_only(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "deep" / "1.sql").write_text("SELECT 1;")
    (tmp_path / "notes.md").write_text("no")
    (tmp_path / ".git" / "2.sql").write_text("no")
    (tmp_path / "link.sql").symlink_to("/etc/passwd")
    assert scripts.from_directory(tmp_path) == {"deep/1.sql": "SELECT 1;"}


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(scripts.NoSuchDirectory):
        scripts.from_directory(tmp_path / "nowhere")


def test_an_archive_is_unpacked_without_the_shadows_of_a_mac() -> None:
    data = packed(db__1_sql="SELECT 1;", readme_txt="no")
    shadow = io.BytesIO(data)
    with zipfile.ZipFile(shadow, "a") as archive:
        archive.writestr("__MACOSX/db/._1.sql", b"\x00\x05\x16\x07")
    assert scripts.from_uploads([("all.zip", shadow.getvalue())]) == {"db/1.sql": "SELECT 1;"}


@pytest.mark.parametrize("name", ["../1.sql", "/etc/1.sql", "a/../../1.sql", "C:\\1.sql"])
def test_a_path_that_leads_out_of_the_archive_is_refused(name: str) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, "SELECT 1;")
    with pytest.raises(scripts.UnsafePath):
        scripts.from_uploads([("all.zip", target.getvalue())])


def test_an_archive_that_unpacks_to_too_much_is_refused_unread() -> None:
    bomb = packed(big_sql=b"-" * (scripts.MOST_BYTES + 1))
    assert len(bomb) < 100_000
    with pytest.raises(scripts.TooMuch):
        scripts.from_uploads([("bomb.zip", bomb)])


def test_an_archive_that_lies_about_its_size_is_refused() -> None:
    bomb = bytearray(packed(big_sql=b"-" * (scripts.MOST_BYTES + 1)))
    size = (scripts.MOST_BYTES + 1).to_bytes(4, "little")
    while (at := bomb.find(size)) >= 0:
        bomb[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(scripts.FilesRefused):
        scripts.from_uploads([("bomb.zip", bytes(bomb))])


def test_too_many_files_are_refused() -> None:
    many = packed(**{f"f{n}_sql": "x" for n in range(scripts.MOST_FILES + 1)})
    with pytest.raises(scripts.TooMuch):
        scripts.from_uploads([("many.zip", many)])


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04 broken"])
def test_a_broken_archive_is_refused(data: bytes) -> None:
    with pytest.raises(scripts.NotAnArchive):
        scripts.from_uploads([("all.zip", data)])


@pytest.mark.parametrize("cut", [1, 20, 40, 60])
def test_an_archive_cut_short_is_refused_or_whole(cut: int) -> None:
    data = packed(one_sql="SELECT 1;", two_sql="SELECT 2;")
    with pytest.raises(scripts.NotAnArchive):
        scripts.from_uploads([("all.zip", data[:-cut])])


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"SELECT '\x00';", b"SELECT \x80"])
def test_a_script_that_is_no_text_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(scripts.NotText, match=r"1\.sql"):
        scripts.from_uploads([("1.sql", data)])


def test_an_empty_script_is_refused_by_name() -> None:
    with pytest.raises(scripts.EmptyFile, match=r"1\.sql"):
        scripts.from_uploads([("1.sql", b" \n")])


def test_a_byte_order_mark_is_not_part_of_a_script() -> None:
    assert scripts.from_uploads([("1.sql", b"\xef\xbb\xbfSELECT 1;")]) == {"1.sql": "SELECT 1;"}
