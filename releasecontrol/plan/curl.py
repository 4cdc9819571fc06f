"""A curl command line to a request. Pure.

Only the options that shape the request are read. ``$NAME`` stays a reference; a secret written
out in the plan is replaced by one, so that it is never stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"

_METHOD = {"-X", "--request"}
_HEADER = {"-H", "--header"}
_BODY = {"-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--json"}
_URL = {"--url"}
_OTHER_WITH_VALUE = {
    "-o", "--output", "-w", "--write-out", "-m", "--max-time", "--connect-timeout", "--retry",
    "-A", "--user-agent", "-e", "--referer", "--cacert", "--cert", "--key", "-x", "--proxy",
    "-u", "--user", "-b", "--cookie", "-c", "--cookie-jar", "-F", "--form", "-D", "--dump-header",
    "-K", "--config", "--retry-delay", "--resolve", "--data-urlencode", "-T", "--upload-file",
}  # fmt: skip
_WITH_VALUE = _METHOD | _HEADER | _BODY | _URL | _OTHER_WITH_VALUE
# Without these the request would be another one, so the command is not understood.
_NOT_READ = {
    "-u",
    "--user",
    "-b",
    "--cookie",
    "-F",
    "--form",
    "-K",
    "--config",
    "--data-urlencode",
    "-T",
    "--upload-file",
}

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_]\w{0,60})\}|([A-Za-z_]\w{0,60}))")
_SECRET_HEADER = re.compile(r"authorization|token|api[-_]?key|secret|cookie", re.IGNORECASE)
_SCHEME = re.compile(r"^(Bearer|Basic|Token)\s+", re.IGNORECASE)
_STAND_IN = re.compile(
    r"^(?:uuid|id|string|todo|tbd|xxx+|changeme|placeholder|<[^>]*>|\{\{?[^}]*\}?\}|your[-_ ].*)$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Request:
    """What a curl command would send."""

    method: str = ""
    url: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    json_option: bool = False
    not_read: list[str] = field(default_factory=list)

    @property
    def declared_content_type(self) -> str:
        named = next((value for name, value in self.headers if name.lower() == "content-type"), "")
        return named or (JSON if self.json_option else "")

    @property
    def content_type(self) -> str:
        """What the body is sent as: JSON is recognised, where curl itself would send a form."""
        if not self.body:
            return ""
        return self.declared_content_type or (JSON if self.json_body is not None else _FORM)

    @property
    def content_type_assumed(self) -> bool:
        return self.content_type == JSON and not self.declared_content_type

    @property
    def json_body(self) -> Any:
        """The body as an object or list, or None."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict | list) else None

    @property
    def references(self) -> tuple[str, ...]:
        texts = (self.url, self.body, *(value for _, value in self.headers))
        found = (braced or bare for text in texts for braced, bare in _REFERENCE.findall(text))
        return tuple(dict.fromkeys(found))

    @property
    def placeholders(self) -> tuple[str, ...]:
        body = self.json_body
        pairs = body.items() if isinstance(body, dict) else ()
        return tuple(
            key for key, value in pairs if isinstance(value, str) and _STAND_IN.match(value)
        )


def read_curl(words: list[str]) -> Request | None:
    """The request of a curl command given as shell words; None if it is no such thing.

    >>> request = read_curl(["curl", "-d", '{"a": 1}', "https://x.test/", "-H", "Cookie: $T"])
    >>> request.method, request.url, request.content_type_assumed, request.references
    ('POST', 'https://x.test/', True, ('T',))
    """
    if not words or words[0] != "curl":
        return None
    request = Request()
    for option, value in _options(words[1:]):
        _take(request, option, value)
    if not request.url.startswith(("http://", "https://", "$")) or request.not_read:
        return None
    request.method = (request.method or ("POST" if request.body else "GET")).upper()
    return request


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """(option, value) pairs; a bare word comes with an empty option, a bare switch is left out."""
    rest = iter(words)
    for word in rest:
        if word in {"|", ">", "&&", ";", "||"}:
            return
        long, equals, glued = word.partition("=")
        if word in _WITH_VALUE:
            yield word, next(rest, "")
        elif word.startswith("--") and equals and long in _WITH_VALUE:
            yield long, glued
        elif word[:2] in _WITH_VALUE and word.startswith("-") and len(word) > len("-X"):
            yield word[:2], word[2:]
        elif not word.startswith("-"):
            yield "", word


def _take(request: Request, option: str, value: str) -> None:
    if option in _METHOD:
        request.method = value
    elif option in _HEADER:
        name, _, content = value.partition(":")
        request.headers.append(_without_secret(name.strip(), content.strip()))
    elif option in _BODY:
        request.body = f"{request.body}&{value}" if request.body else value
        request.json_option = request.json_option or option == "--json"
    elif option in _NOT_READ:
        request.not_read.append(option)
    elif (option in _URL or not option) and not request.url:
        request.url = value


def _without_secret(name: str, value: str) -> tuple[str, str]:
    if not _SECRET_HEADER.search(name) or _REFERENCE.search(value):
        return name, value
    scheme = _SCHEME.match(value)
    reference = "$" + re.sub(r"\W", "_", name).upper()
    return name, f"{scheme[0]}{reference}" if scheme else reference
