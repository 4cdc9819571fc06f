"""What the body of a request may say. Pure: values out, or a refusal that names the field."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from uuid import UUID

from releasecontrol.examples.standin.answers import Refused

Body = Mapping[str, object]
LONGEST_NAME: Final = 200
LONGEST_TEXT: Final = 5_000
MOST_TAGS: Final = 20
ASSET_TYPES: Final = ("illustration", "cover", "audio")


def _refused(message: str) -> Refused:
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def _stored_as_is(field: str, value: str) -> str:
    """PostgreSQL keeps any text but the zero character; half an emoji is not text."""
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _refused(f"{field} has a character that cannot be stored")
    return value


def name(body: Body, field: str) -> str:
    """A required text of 1 to 200 characters, without the blanks around it."""
    value = body.get(field)
    if not isinstance(value, str) or not value.strip():
        raise _refused(f"{field} is required and must be a text")
    if len(value.strip()) > LONGEST_NAME:
        raise _refused(f"{field} is longer than {LONGEST_NAME} characters")
    return _stored_as_is(field, value.strip())


def text(body: Body, field: str) -> str:
    """An optional text of up to 5,000 characters."""
    value = body.get(field, "")
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise _refused(f"{field} must be a text of at most {LONGEST_TEXT} characters")
    return _stored_as_is(field, value)


def tags(body: Body) -> list[str]:
    """Optional tags. "default" is the data migration's own: one per account, not for the asking."""
    value = body.get("tags", [])
    if not isinstance(value, list) or len(value) > MOST_TAGS:
        raise _refused(f"tags must be a list of at most {MOST_TAGS} texts")
    found = [name({"tags": each}, "tags") for each in value]
    if "default" in found:
        raise _refused('the tag "default" is reserved')
    return found


def asset_type(body: Body) -> str:
    value = body.get("type")
    if not isinstance(value, str) or value not in ASSET_TYPES:
        raise _refused(f"type must be one of {', '.join(ASSET_TYPES)}")
    return value


def identity(body: Body, field: str) -> UUID | None:
    """An optional UUID. The word "uuid" itself, left in from an example, is not one."""
    value = body.get(field)
    if value is None:
        return None
    found = as_uuid(value) if isinstance(value, str) else None
    if found is None:
        raise _refused(f"{field} is not a UUID")
    return found


def as_uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
