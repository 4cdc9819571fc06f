"""At whole percentages our core decides as the engine inside `UnleashClient` does."""

from __future__ import annotations

import json

import pytest
from yggdrasil_engine.engine import UnleashEngine

from flags.core.evaluation import compile_flag
from flags.core.specs import FlagSpec, VariantSpec

KEYS = [
    *(f"user-{n}" for n in range(8_000)),
    *(str(n) for n in range(100_000, 106_000)),
    *(f"{n:08x}-1b4e-4c3a-9d52-{n * 7919:012x}" for n in range(4_000)),
    *(f"{name}{n}@example.org" for n in range(1_000) for name in ("سارة", "naïve😀")),
]
PERCENTAGES = (1, 2, 5, 10, 25, 33, 50, 75, 99, 100)
VARIANTS = (("a", 125), ("b", 375), ("c", 500))


def _feature(name: str, percentage: int) -> dict[str, object]:
    parameters = {"rollout": str(percentage), "stickiness": "userId", "groupId": "universe-v2"}
    variants = [
        {"name": variant, "weight": weight, "weightType": "fix", "stickiness": "userId"}
        for variant, weight in VARIANTS
    ]
    strategy = {"name": "flexibleRollout", "parameters": parameters, "variants": variants}
    return {"name": name, "enabled": True, "strategies": [strategy]}


@pytest.fixture(scope="module")
def engine() -> UnleashEngine:
    features = [_feature(f"at-{percentage}", percentage) for percentage in PERCENTAGES]
    engine = UnleashEngine()
    assert engine.take_state(json.dumps({"version": 2, "features": features})) is None
    return engine


@pytest.mark.parametrize("percentage", PERCENTAGES)
def test_decisions_and_variants_equal_the_unleash_engine(
    engine: UnleashEngine, percentage: int
) -> None:
    assert len(set(KEYS)) == 20_000
    ours = compile_flag(
        FlagSpec(
            key=f"at-{percentage}",
            salt="universe-v2",
            enabled=True,
            killed=False,
            dial=percentage * 1000,
            off_variant="disabled",
            variants=(
                *(VariantSpec(name, value=name, weight=weight) for name, weight in VARIANTS),
                VariantSpec("disabled", value=None),
            ),
        )
    )
    differences = [
        key
        for key in KEYS
        if engine.get_variant(f"at-{percentage}", {"userId": key}).variant.name
        != ours({"targetingKey": key}).variant
    ]
    assert differences == []
