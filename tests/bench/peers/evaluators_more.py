"""The rest of the flag engines, in the manner of `tests.bench.peers.evaluators`."""

from __future__ import annotations

import importlib
import json
import tempfile
from pathlib import Path

from tests.bench.peers.race import COUNTRIES, SPLIT, Work


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
