"""Other people's flag engines, each over the same two flags; run by a Python that has them.

``b``: a boolean flag at 25 % by user id. ``v``: whoever's country is in a list and whose plan is
pro is shared out between three variants. Each peer hands back two functions that answer for all
users. The engine's own context is built anew for each call, of all that is known of the user: an
application doesn't know which of it a flag will ask for.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

from tests.bench.peers.evaluators_more import configcat, launchdarkly, posthog, unleash
from tests.bench.peers.race import COUNTRIES, SPLIT, Work


def eppo() -> tuple[Work, Work]:
    eppo_client = importlib.import_module("eppo_client")
    logger = importlib.import_module("eppo_client.assignment_logger").AssignmentLogger
    everybody = {"start": 0, "end": 10_000}
    shares, start = [], 0
    for name, weight in SPLIT:
        ranges = [{"start": start, "end": start + weight * 10}]
        shares.append({"variationKey": name, "shards": [{"salt": "v", "ranges": ranges}]})
        start += weight * 10
    conditions = [
        {"attribute": "country", "operator": "ONE_OF", "value": list(COUNTRIES)},
        {"attribute": "plan", "operator": "ONE_OF", "value": ["pro"]},
    ]
    flags = {
        "b": {
            "key": "b",
            "enabled": True,
            "variationType": "BOOLEAN",
            "variations": {"on": {"key": "on", "value": True}},
            "totalShards": 10_000,
            "allocations": [
                {
                    "key": "a",
                    "rules": [],
                    "splits": [
                        {
                            "variationKey": "on",
                            "shards": [{"salt": "b", "ranges": [{**everybody, "end": 2_500}]}],
                        }
                    ],
                    "doLog": False,
                }
            ],
        },
        "v": {
            "key": "v",
            "enabled": True,
            "variationType": "STRING",
            "variations": {name: {"key": name, "value": name} for name, _ in SPLIT},
            "totalShards": 10_000,
            "allocations": [
                {
                    "key": "a",
                    "rules": [{"conditions": conditions}],
                    "splits": shares,
                    "doLog": False,
                }
            ],
        },
    }
    content = {
        "createdAt": "2026-01-01T00:00:00Z",
        "format": "SERVER",
        "environment": {"name": "test"},
        "flags": flags,
    }
    configuration = eppo_client.Configuration(flags_configuration=json.dumps(content).encode())
    client = eppo_client.init(
        eppo_client.ClientConfig(
            api_key="none",
            assignment_logger=logger(),
            initial_configuration=configuration,
            poll_interval_seconds=None,
        )
    )
    boolean, string = client.get_boolean_assignment, client.get_string_assignment
    return (
        lambda users: [
            boolean("b", user, {"country": country, "plan": plan}, default=False)
            for user, country, plan in users
        ],
        lambda users: [
            string("v", user, {"country": country, "plan": plan}, "off")
            for user, country, plan in users
        ],
    )


def growthbook() -> tuple[Work, Work]:
    types = importlib.import_module("growthbook.common_types")
    evaluate = importlib.import_module("growthbook.core").eval_feature
    rules: dict[str, dict[str, Any]] = {
        "b": {
            "defaultValue": False,
            "rules": [{"force": True, "coverage": 0.25, "hashAttribute": "id"}],
        },
        "v": {
            "defaultValue": "off",
            "rules": [
                {
                    "condition": {"country": {"$in": list(COUNTRIES)}, "plan": "pro"},
                    "key": "v",
                    "variations": [name for name, _ in SPLIT],
                    "weights": [weight / 1000 for _, weight in SPLIT],
                    "hashAttribute": "id",
                }
            ],
        },
    }
    features = {name: types.Feature(**rule) for name, rule in rules.items()}
    shared = types.GlobalContext(options=types.Options(), features=features)
    context, person, stack = types.EvaluationContext, types.UserContext, types.StackContext

    def ask(key: str, attributes: dict[str, str]) -> Any:
        user = person(attributes=attributes)
        return evaluate(key, context(user=user, global_ctx=shared, stack=stack())).value

    return (
        lambda users: [
            ask("b", {"id": user, "country": country, "plan": plan})
            for user, country, plan in users
        ],
        lambda users: [
            ask("v", {"id": user, "country": country, "plan": plan})
            for user, country, plan in users
        ],
    )


def flagsmith() -> tuple[Work, Work]:
    evaluate = importlib.import_module("flag_engine.engine").get_evaluation_result
    split = {"key": "1", "rules": []}
    segments_b = {
        "1": {
            "key": "1",
            "name": "quarter",
            "rules": [
                {
                    "type": "ALL",
                    "conditions": [{"property": "", "operator": "PERCENTAGE_SPLIT", "value": "25"}],
                }
            ],
            "overrides": [{"key": "b", "name": "b", "enabled": True, "value": None}],
        }
    }
    conditions = [
        {"property": "country", "operator": "IN", "value": list(COUNTRIES)},
        {"property": "plan", "operator": "EQUAL", "value": "pro"},
    ]
    variants = [
        {"value": name, "weight": weight / 10, "priority": place}
        for place, (name, weight) in enumerate(SPLIT)
    ]
    on = {"key": "v", "name": "v", "enabled": True, "value": "off", "variants": variants}
    segments_v = {
        "2": {
            **split,
            "key": "2",
            "name": "pro",
            "rules": [{"type": "ALL", "conditions": conditions}],
            "overrides": [on],
        },
    }
    environment = {"key": "e", "name": "e"}
    b = {"b": {"key": "b", "name": "b", "enabled": False, "value": None}}
    v = {"v": {"key": "v", "name": "v", "enabled": True, "value": "off"}}

    def ask(flags: Any, segments: Any, identity: dict[str, Any]) -> Any:
        context = {
            "environment": environment,
            "features": flags,
            "segments": segments,
            "identity": identity,
        }
        return evaluate(context)["flags"]

    return (
        lambda users: [
            ask(
                b,
                segments_b,
                {"identifier": user, "key": user, "traits": {"country": country, "plan": plan}},
            )["b"]["enabled"]
            for user, country, plan in users
        ],
        lambda users: [
            ask(
                v,
                segments_v,
                {
                    "identifier": user,
                    "key": user,
                    "traits": {"country": country, "plan": plan},
                },
            )["v"]["value"]
            for user, country, plan in users
        ],
    )


PEERS: dict[str, Callable[[], tuple[Work, Work]]] = {
    "Eppo": eppo,
    "PostHog": posthog,
    "GrowthBook": growthbook,
    "Flagsmith engine": flagsmith,
    "ConfigCat": configcat,
    "LaunchDarkly": launchdarkly,
    "Unleash": unleash,
}
