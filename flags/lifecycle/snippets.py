"""Code to copy: how an application asks for one flag with the stock OpenFeature clients.

The tests install the clients named here and run these very texts, so what the flag page shows is
what works. The token is not in them: it is shown once, when it is made, and kept nowhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from flags.models import Flag

TOKEN = "PASTE-A-TOKEN-HERE"  # noqa: S105  (a gap to fill in, not a secret)

_CALLS = {
    Flag.Kind.BOOLEAN: ("Boolean", "false"),
    Flag.Kind.STRING: ("String", '""'),
    Flag.Kind.NUMBER: ("Number", "0"),
    Flag.Kind.JSON: ("Object", "{}"),
}

#: In small letters: JavaScript's own words, and the names that the texts use themselves.
_TAKEN = frozenset(
    """
    arguments await break case catch class const continue debugger default delete do else enum eval
    export extends false finally for function if implements import in infinity instanceof interface
    let nan new null package private protected public return static super switch this throw true try
    typeof undefined var void while with yield
    app express flags json ofrepprovider ofrepwebprovider openfeature openfeatureprovider process
    request response userid
    """.split()  # noqa: SIM905  (a list of eighty quotes would be harder to read)
)

_REACT = """\
import {{ OpenFeature, OpenFeatureProvider, use{kind}FlagValue }} from "@openfeature/react-sdk";
import {{ OFREPWebProvider }} from "@openfeature/ofrep-web-provider";

// userId is who is looking, as your own login knows it: the same on every device.
OpenFeature.setProvider(
  new OFREPWebProvider({{
    baseUrl: {address},
    headers: [["Authorization", "Bearer {token}"]],
    cacheMode: "disabled", // else a page shows its last visit's answers first
  }}),
  {{ targetingKey: userId }},
);

function {component}() {{
  // Draws again by itself when somebody turns the dial or kills the flag.
  const {name} = use{kind}FlagValue({key}, {fallback});
  return <p>{shown}</p>;
}}

export function App() {{
  return (
    <OpenFeatureProvider>
      <{component} />
    </OpenFeatureProvider>
  );
}}
"""

_EXPRESS = """\
import express from "express";
import {{ OpenFeature }} from "@openfeature/server-sdk";
import {{ OFREPProvider }} from "@openfeature/ofrep-provider";

await OpenFeature.setProviderAndWait(
  new OFREPProvider({{
    baseUrl: {address},
    headers: [["Authorization", "Bearer {token}"]],
  }}),
);
const flags = OpenFeature.getClient();
const app = express();

app.get("/", async (request, response) => {{
  const userId = request.get("X-User-Id") ?? "";
  const {name} = await flags.get{kind}Value({key}, {fallback}, {{ targetingKey: userId }});
  response.json({{ {name} }});
}});

app.listen(process.env.PORT ?? 3000);
"""


@dataclass(frozen=True)
class Snippet:
    """One text to copy: for what, and the command that installs what it imports."""

    title: str
    install: str
    code: str


def snippets(*, key: str, kind: str, address: str) -> list[Snippet]:
    """Return the texts for one flag; ``address`` is where this installation answers."""
    return [
        Snippet("React", REACT_INSTALL, _filled(_REACT, key, kind, address)),
        Snippet("Express", EXPRESS_INSTALL, _filled(_EXPRESS, key, kind, address)),
    ]


REACT_INSTALL = (
    "npm install @openfeature/react-sdk @openfeature/web-sdk @openfeature/ofrep-web-provider"
)
EXPRESS_INSTALL = (
    "npm install express @openfeature/server-sdk @openfeature/ofrep-provider"
    " @openfeature/ofrep-core@0.1"
)


def _filled(template: str, key: str, kind: str, address: str) -> str:
    call, fallback = _CALLS[Flag.Kind(kind)]
    name = variable_name(key)
    return template.format(
        key=json.dumps(key),
        kind=call,
        fallback=fallback,
        name=name,
        component=name[0].upper() + name[1:],
        shown=_shown(kind, name),
        address=json.dumps(address),
        token=TOKEN,
    )


def _shown(kind: str, name: str) -> str:
    if kind == Flag.Kind.BOOLEAN:
        return f'{{{name} ? "on" : "off"}}'
    return f"{{JSON.stringify({name})}}" if kind == Flag.Kind.JSON else f"{{{name}}}"


def variable_name(key: str) -> str:
    """Return a JavaScript name for a flag's key, in camel case.

    >>> variable_name("universe-v2"), variable_name("2nd.try"), variable_name("–")
    ('universeV2', 'flag2ndTry', 'flag')
    >>> variable_name("new"), variable_name("App")
    ('newFlag', 'appFlag')
    """
    words = re.findall(r"[A-Za-z0-9]+", key)
    name = "".join(word[0].upper() + word[1:] for word in words)
    if not name or name[0].isdigit():
        return f"flag{name}"
    name = name[0].lower() + name[1:]
    return f"{name}Flag" if name.lower() in _TAKEN else name
