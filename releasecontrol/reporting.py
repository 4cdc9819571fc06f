"""Sentry, scrubbed: starts only where SENTRY_DSN is set, and never carries a secret."""

from __future__ import annotations

from typing import Any, cast

import sentry_sdk
from django.conf import settings
from sentry_sdk.utils import BadDsn

from releases.redaction import redact_tree


def scrub(event: Any, _hint: dict[str, Any]) -> Any:
    """Mask every string of an event: messages, frames' variables, request data, breadcrumbs."""
    return cast("Any", redact_tree(event))


def start_sentry() -> bool:
    """Start reporting; False where no SENTRY_DSN is set, or none that can be used (E011)."""
    if not settings.SENTRY_DSN:
        return False
    try:
        sentry_sdk.init(
            dsn=settings.SENTRY_DSN,
            environment=settings.SENTRY_ENVIRONMENT,
            include_local_variables=False,
            max_request_body_size="never",
            before_send=scrub,
            traces_sample_rate=0.0,
        )
    except BadDsn:
        return False  # the system check stops the start and says why
    return True
