from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.redaction import MASK, RedactingFilter, redact, redact_tree

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://ana:{SECRET}@db:5432/prod",
        f"connection to postgres://u:{SECRET}@h/d?sslmode=require failed",
        f"Authorization: Bearer {SECRET}",
        f"password={SECRET} host=db",
        f"PGPASSWORD={SECRET}",
        f'{{"api_key": "{SECRET}"}}',
        f"SENTRY_DSN=https://{SECRET}@sentry.example/1",
        f"rc_production_{SECRET}{SECRET}",
        f"VITE_SUPABASE_ANON_KEY={SECRET}",
    ],
)
def test_planted_secrets_are_masked(text: str) -> None:
    assert SECRET not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize(
    "text", ["UPDATE projects SET title = 'x'", "10 % of users", "http://127.0.0.1:8000/status/"]
)
def test_plain_words_stay(text: str) -> None:
    assert redact(text) == text


def test_a_value_under_a_secret_name_goes_whole() -> None:
    assert redact_tree({"Cookie": "a=b", "n": 1}) == {"Cookie": MASK, "n": 1}


@given(st.text(max_size=300))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_the_log_filter_masks_arguments_and_tracebacks() -> None:
    try:
        raise ValueError(f"postgresql://ana:{SECRET}@db/prod")
    except ValueError as error:
        record = logging.LogRecord(
            "x",
            logging.ERROR,
            "f",
            1,
            "could not reach %s",
            (f"password={SECRET}",),
            (type(error), error, error.__traceback__),
        )
    RedactingFilter().filter(record)
    assert SECRET not in logging.Formatter().format(record)
