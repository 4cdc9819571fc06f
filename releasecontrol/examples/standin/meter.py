"""Counts per flag variant, in memory, and the chaos that makes them worth watching. Pure.

Text format of `Meter.exposition`: Prometheus exposition format 0.0.4
(https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from releasecontrol.examples.standin.answers import Refused

VARIANTS: Final = ("off", "on")
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONGEST_DELAY_MS: Final = 30_000


def variant(*, universe_v2: bool) -> str:
    return VARIANTS[universe_v2]


class Meter:
    """Requests, errors (status 5xx) and seconds, kept apart by variant of `universe-v2`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = dict.fromkeys(VARIANTS, 0)
        self._errors = dict.fromkeys(VARIANTS, 0)
        self._seconds = dict.fromkeys(VARIANTS, 0.0)
        self._buckets = {name: [0] * len(BUCKETS) for name in VARIANTS}
        self._flag_failures = 0

    def count(self, of: str, *, failed: bool, seconds: float) -> None:
        with self._lock:
            self._requests[of] += 1
            self._errors[of] += failed
            self._seconds[of] += seconds
            for place, bound in enumerate(BUCKETS):
                self._buckets[of][place] += seconds <= bound

    def count_flag_failure(self) -> None:
        with self._lock:
            self._flag_failures += 1

    def exposition(self) -> str:
        """All series of both variants, zeros included: a missing series is not a quiet one."""
        with self._lock:
            lines = [
                "# HELP app_requests_total Requests to pages and endpoints.",
                "# TYPE app_requests_total counter",
                *(f'app_requests_total{{variant="{v}"}} {self._requests[v]}' for v in VARIANTS),
                "# HELP app_errors_total Requests answered with a status of 500 or above.",
                "# TYPE app_errors_total counter",
                *(f'app_errors_total{{variant="{v}"}} {self._errors[v]}' for v in VARIANTS),
                "# HELP app_flag_failures_total Times the flag could not be asked (read as off).",
                "# TYPE app_flag_failures_total counter",
                f"app_flag_failures_total {self._flag_failures}",
                "# HELP app_request_duration_seconds Time to the answer.",
                "# TYPE app_request_duration_seconds histogram",
                *(line for v in VARIANTS for line in self._histogram(v)),
            ]
        return "\n".join(lines) + "\n"

    def _histogram(self, of: str) -> list[str]:
        series = "app_request_duration_seconds"
        total = self._requests[of]
        bounds = zip(BUCKETS, self._buckets[of], strict=True)
        return [
            *(f'{series}_bucket{{variant="{of}",le="{b:g}"}} {count}' for b, count in bounds),
            f'{series}_bucket{{variant="{of}",le="+Inf"}} {total}',
            f'{series}_sum{{variant="{of}"}} {self._seconds[of]:.6f}',
            f'{series}_count{{variant="{of}"}} {total}',
        ]


@dataclass(frozen=True)
class Misbehaviour:
    """Share of requests that fail (0 to 1), delay of each in milliseconds, and whom it hits.

    `variant` is "on" or "off" to hit only that side of the flag, None for both.
    """

    error_rate: float = 0.0
    delay_ms: int = 0
    variant: str | None = None


def misbehaviour(body: Mapping[str, object]) -> Misbehaviour:
    """Read the body of POST /chaos; what it does not name is off, so `{}` calms everything."""
    unknown = sorted(set(body) - {"error_rate", "delay_ms", "variant"})
    if unknown:
        raise _refused(f"unknown: {', '.join(unknown)}")
    return Misbehaviour(
        error_rate=_number(body, "error_rate", 1),
        delay_ms=int(_number(body, "delay_ms", LONGEST_DELAY_MS)),
        variant=_variant(body.get("variant")),
    )


def _number(body: Mapping[str, object], field: str, most: int) -> float:
    value = body.get(field, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise _refused(f"{field} must be a number from 0 to {most}")
    return value


def _variant(value: object) -> str | None:
    if value is None or (isinstance(value, str) and value in VARIANTS):
        return value
    raise _refused(f"variant must be one of {', '.join(VARIANTS)}")


def _refused(message: str) -> Refused:
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, message)


class Chaos:
    """Fails exactly the asked share, evenly spread: 0.2 is every fifth request, not a lottery."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owed = 0.0
        self.now = Misbehaviour()

    def become(self, wanted: Misbehaviour) -> None:
        with self._lock:
            self.now, self._owed = wanted, 0.0

    def delay(self, of: str) -> float:
        """Seconds to wait before answering a request of this variant."""
        now = self.now
        return now.delay_ms / 1000 if now.variant in {None, of} else 0.0

    def strikes(self, of: str) -> bool:
        """Whether this request of this variant is one of those that fail."""
        with self._lock:
            if self.now.variant not in {None, of}:
                return False
            self._owed += self.now.error_rate
            struck = self._owed > 1 - 1e-9
            self._owed -= struck
            return struck
