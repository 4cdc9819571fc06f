"""Other people's flag engines, each over the same two flags; run by a Python that has them.

``b``: a boolean flag at 25 % by user id. ``v``: whoever's country is in a list and whose plan is
pro is shared out between three variants. Each peer hands back two functions that answer for all
users. The engine's own context is built anew for each call, of all that is known of the user: an
application doesn't know which of it a flag will ask for.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Users: TypeAlias = list[tuple[str, str, str]]
"""Id, country, plan."""
Work: TypeAlias = Callable[[Users], list[Any]]

COUNTRIES = ("DE", "AT", "CH")
SPLIT = (("red", 333), ("green", 333), ("blue", 334))


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


def configcat() -> tuple[Work, Work]:
    configcatclient = importlib.import_module("configcatclient")
    options = importlib.import_module("configcatclient.configcatoptions").ConfigCatOptions
    sources = importlib.import_module("configcatclient.localfiledatasource")
    behaviour = importlib.import_module("configcatclient.overridedatasource").OverrideBehaviour
    person = importlib.import_module("configcatclient.user").User
    conditions = [
        {"u": {"a": "Country", "c": 2, "l": list(COUNTRIES)}},
        {"u": {"a": "plan", "c": 2, "l": ["pro"]}},
    ]
    shares = [{"p": 33, "v": {"s": "red"}}, {"p": 33, "v": {"s": "green"}}]
    flags = {
        "b": {
            "t": 0,
            "v": {"b": False},
            "p": [{"p": 25, "v": {"b": True}}, {"p": 75, "v": {"b": False}}],
        },
        "v": {
            "t": 1,
            "v": {"s": "off"},
            "r": [{"c": conditions, "p": [*shares, {"p": 34, "v": {"s": "blue"}}]}],
        },
    }
    content = {"p": {"u": "https://localhost", "r": 0, "s": "salt"}, "f": flags}
    file = Path(tempfile.mkdtemp()) / "config.json"
    file.write_text(json.dumps(content))
    client = configcatclient.get(
        "localhost",
        options(
            flag_overrides=sources.LocalFileFlagOverrides(str(file), behaviour.LocalOnly),
            offline=True,
        ),
    )
    return (
        lambda users: [
            client.get_value(
                "b",
                False,  # noqa: FBT003
                person(user, country=country, custom={"plan": plan}),
            )
            for user, country, plan in users
        ],
        lambda users: [
            client.get_value("v", "off", person(user, country=country, custom={"plan": plan}))
            for user, country, plan in users
        ],
    )


def unleash() -> tuple[Work, Work]:
    client_class = importlib.import_module("UnleashClient").UnleashClient
    cache_class = importlib.import_module("UnleashClient.cache").FileCache
    parameters = {"stickiness": "userId", "groupId": "x"}
    conditions = [
        {"contextName": "country", "operator": "IN", "values": list(COUNTRIES)},
        {"contextName": "plan", "operator": "IN", "values": ["pro"]},
    ]
    variants = [
        {"name": name, "weight": weight, "weightType": "fix", "stickiness": "userId"}
        for name, weight in SPLIT
    ]
    features = [
        {
            "name": "b",
            "enabled": True,
            "strategies": [
                {"name": "flexibleRollout", "parameters": {**parameters, "rollout": "25"}}
            ],
        },
        {
            "name": "v",
            "enabled": True,
            "strategies": [
                {
                    "name": "flexibleRollout",
                    "parameters": {**parameters, "rollout": "100"},
                    "constraints": conditions,
                    "variants": variants,
                }
            ],
        },
    ]
    cache = cache_class("bench", directory=tempfile.mkdtemp())
    cache.bootstrap_from_dict({"version": 2, "features": features})
    client = client_class(
        url="http://127.0.0.1:1/api",
        app_name="bench",
        cache=cache,
        disable_metrics=True,
        disable_registration=True,
        refresh_interval=100_000,
    )
    client.initialize_client(fetch_toggles=False)
    return (
        lambda users: [
            client.is_enabled(
                "b", {"userId": user, "properties": {"country": country, "plan": plan}}
            )
            for user, country, plan in users
        ],
        lambda users: [
            client.get_variant(
                "v", {"userId": user, "properties": {"country": country, "plan": plan}}
            )["name"]
            for user, country, plan in users
        ],
    )


def posthog() -> tuple[Work, Work]:
    match = importlib.import_module("posthog.feature_flags").match_feature_flag_properties
    b = {
        "key": "b",
        "active": True,
        "filters": {"groups": [{"properties": [], "rollout_percentage": 25}]},
    }
    asked = [
        {"key": "country", "value": list(COUNTRIES), "operator": "exact", "type": "person"},
        {"key": "plan", "value": "pro", "operator": "exact", "type": "person"},
    ]
    variants = [{"key": name, "rollout_percentage": weight / 10} for name, weight in SPLIT]
    v = {
        "key": "v",
        "active": True,
        "filters": {
            "groups": [{"properties": asked, "rollout_percentage": 100}],
            "multivariate": {"variants": variants},
        },
    }
    return (
        lambda users: [
            match(b, user, {"country": country, "plan": plan}) for user, country, plan in users
        ],
        lambda users: [
            match(v, user, {"country": country, "plan": plan}) or "off"
            for user, country, plan in users
        ],
    )


def launchdarkly() -> tuple[Work, Work]:
    client_module = importlib.import_module("ldclient.client")
    config = importlib.import_module("ldclient.config").Config
    files = importlib.import_module("ldclient.integrations").Files
    context = importlib.import_module("ldclient").Context
    shared = {"version": 1, "on": True, "offVariation": 0, "salt": "s", "targets": []}
    shares = [
        {"variation": place, "weight": weight * 100}
        for place, (_, weight) in enumerate(SPLIT, start=1)
    ]
    rule = {
        "id": "r",
        "clauses": [
            {"attribute": "country", "op": "in", "values": list(COUNTRIES)},
            {"attribute": "plan", "op": "in", "values": ["pro"]},
        ],
        "rollout": {"variations": shares},
    }
    quarter = [{"variation": 1, "weight": 25_000}, {"variation": 0, "weight": 75_000}]
    flags = {
        "b": {
            **shared,
            "key": "b",
            "variations": [False, True],
            "rules": [],
            "fallthrough": {"rollout": {"variations": quarter}},
        },
        "v": {
            **shared,
            "key": "v",
            "variations": ["off", *(name for name, _ in SPLIT)],
            "rules": [rule],
            "fallthrough": {"variation": 0},
        },
    }
    file = Path(tempfile.mkdtemp()) / "flags.json"
    file.write_text(json.dumps({"flags": flags}))
    source = files.new_data_source(paths=[str(file)])
    client = client_module.LDClient(
        config("none", update_processor_class=source, send_events=False), start_wait=5
    )
    build = context.builder
    return (
        lambda users: [
            client.variation(
                "b",
                build(user).set("country", country).set("plan", plan).build(),
                default=False,
            )
            for user, country, plan in users
        ],
        lambda users: [
            client.variation(
                "v", build(user).set("country", country).set("plan", plan).build(), "off"
            )
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
