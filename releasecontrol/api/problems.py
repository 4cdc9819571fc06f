"""Errors of the API: RFC 9457 problem details, one shape for every refusal."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError as FieldsDoNotFit
from django.http import Http404 as NotFound
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.errors import Throttled as TooMany

from checklists.gates import GateClosed
from flags.changing.proposing import Proposed
from flags.changing.replacing import Impossible
from flags.changing.segments import SegmentFaulty
from releases.refusals import NotPermitted, Refused

_TITLES = {
    400: "The request can't be read",
    401: "A token is needed",
    403: "Not permitted",
    404: "Not found",
    409: "Refused",
    422: "The request does not fit",
    429: "Too many requests",
}


def problem(status: int, code: str, detail: str, **more: Any) -> HttpResponse:
    """A problem document; `code` names the kind of refusal for machines."""
    body = {
        "type": f"urn:release-control:problem:{code}",
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": detail,
        **more,
    }
    return HttpResponse(
        json.dumps(body), status=status, content_type="application/problem+json; charset=utf-8"
    )


def _refused(_request: HttpRequest, refusal: Refused) -> HttpResponse:
    more: dict[str, Any] = {}
    if isinstance(refusal, GateClosed):
        more["waits_for"] = [
            {"text": unmet.text, "item": unmet.item.pk if unmet.item else None}
            for unmet in refusal.waits_for
        ]
    if isinstance(refusal, Proposed):
        more["proposal"] = refusal.proposal.pk
    if isinstance(refusal, Impossible | SegmentFaulty):
        more["faults"] = list(refusal.faults)
    status = 403 if isinstance(refusal, NotPermitted) else 409
    return problem(status, refusal.code, refusal.message, **more)


def _does_not_fit(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [
        {"at": "/".join(str(part) for part in one["loc"][1:]), "says": one["msg"]}
        for one in error.errors
    ]
    says = "; ".join(f"{one['at']}: {one['says']}" for one in errors)
    return problem(422, "does-not-fit", f"Nothing was changed. {says}", errors=errors)


def _http_error(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(error.status_code, "unreadable", f"Nothing was changed. {error.message}")


def _field_errors(_request: HttpRequest, error: FieldsDoNotFit) -> HttpResponse:
    return problem(422, "does-not-fit", f"Nothing was changed. {' '.join(error.messages)}")


def register(api: NinjaAPI) -> None:
    """Teach the API to answer every kind of error as a problem."""
    api.exception_handler(Refused)(_refused)
    api.exception_handler(FieldsDoNotFit)(_field_errors)
    api.exception_handler(ValidationError)(_does_not_fit)
    api.exception_handler(HttpError)(_http_error)
    api.exception_handler(TooMany)(_http_error)
    api.exception_handler(AuthenticationError)(
        lambda _request, _error: problem(
            401, "no-token", "Send a token of scope 'manage': Authorization: Bearer rc_…"
        )
    )
    api.exception_handler(NotFound)(
        lambda _request, error: problem(404, "not-found", f"There is no such thing. {error}")
    )
