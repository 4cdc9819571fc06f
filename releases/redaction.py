"""Masking secrets in any text before it is logged, stored, shown or sent.

Pure: no Django. Masks passwords in URLs, bearer tokens, API keys and ``name=value`` pairs whose
name says secret. Better one mask too many than one secret in a log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

MASK = "[hidden]"

_URL_PASSWORD = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@]+(?=@)", re.IGNORECASE)
_BEARER = re.compile(r"(?P<head>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_NAMED = re.compile(
    r"(?P<head>\b[\w-]*(?:password|passwd|secret|token|api[_-]?key|anon[_-]?key|authorization|dsn)"
    r"[\w-]*[\"']?\s*[=:]\s*[\"']?)(?!\[hidden\])(?!bearer\b|basic\b)[^\s\"',;&)}]+",
    re.IGNORECASE,
)
_OWN_TOKEN = re.compile(r"\brc_[a-z0-9-]+_[A-Za-z0-9_-]{20,}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+")
_SECRET_NAME = re.compile(
    r"password|passwd|secret|token|api[_-]?key|authorization|cookie|dsn|database_url", re.IGNORECASE
)


def redact(text: str) -> str:
    """The text with everything that looks like a secret masked.

    >>> redact("postgresql://ana:hunter2@db/prod")
    'postgresql://ana:[hidden]@db/prod'
    >>> redact("Authorization: Bearer abcdef123456")
    'Authorization: Bearer [hidden]'
    >>> redact("password=hunter2 host=db")
    'password=[hidden] host=db'
    """
    text = _URL_PASSWORD.sub(rf"\g<head>{MASK}", text)
    text = _BEARER.sub(rf"\g<head>{MASK}", text)
    text = _JWT.sub(MASK, text)
    text = _OWN_TOKEN.sub(MASK, text)
    return _NAMED.sub(rf"\g<head>{MASK}", text)


def redact_tree(value: Any) -> Any:
    """The same for nested dicts and lists; a value under a secret-sounding name goes whole.

    >>> redact_tree({"token": "x", "note": ["password=y"]})
    {'token': '[hidden]', 'note': ['password=[hidden]']}
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redact_entry(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_tree(inner) for inner in value]
    return value


def _redact_entry(key: object, value: Any) -> Any:
    if isinstance(key, str) and isinstance(value, str | bytes) and _SECRET_NAME.search(key):
        return MASK
    return redact_tree(value)


class RedactingFilter(logging.Filter):
    """Masks a log record's finished message, and its traceback text."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True
