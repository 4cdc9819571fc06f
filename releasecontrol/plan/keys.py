"""Keys that find a fact again after the plan was edited elsewhere. Pure.

A key is made of the kind, the headings above and the words of the fact, never of line numbers.
Equal facts under equal headings are told apart by their order.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

MAX_KEY = 180
_NOT_A_WORD = re.compile(r"[\W_]+")
_SIGNS = {"<": " lt ", ">": " gt ", "≤": " le ", "≥": " ge ", "%": " pct "}


def slug(text: str) -> str:
    """Lower-case words joined by hyphens; letters of any script are kept.

    >>> slug("Error rate < 1%"), slug("كتاب جديد"), slug("!!!")
    ('error-rate-lt-1-pct', 'كتاب-جديد', '')
    """
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return _NOT_A_WORD.sub("-", text.casefold()).strip("-")


class Keys:
    """Hands out keys and numbers the repetitions.

    >>> keys = Keys()
    >>> keys.make("item", ["Checks"], "All green"), keys.make("item", ["Checks"], "All green")
    ('item:checks/all-green', 'item:checks/all-green~2')
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def make(self, kind: str, path: Iterable[str], text: str) -> str:
        """The key of a fact of this kind below these headings; at most 190 characters."""
        parts = [part for part in map(slug, (*path, text)) if part]
        if len(parts) > 1 and parts[-2] == parts[-1]:
            parts.pop()
        key = _fit(f"{kind}:{'/'.join(parts)}", text)
        self._seen[key] += 1
        nth = self._seen[key]
        return key if nth == 1 else f"{key}~{nth}"


def _fit(key: str, text: str) -> str:
    if len(key) <= MAX_KEY and slug(text):
        return key
    digest = hashlib.sha256(f"{key}\0{text}".encode()).hexdigest()[:12]
    return f"{key[: MAX_KEY - 13]}~{digest}"
