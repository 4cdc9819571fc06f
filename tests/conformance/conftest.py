from __future__ import annotations

from tests.flags.conftest import keeper, ofrep, token, universe
from tests.flags.test_stream import stream

__all__ = ["keeper", "ofrep", "stream", "token", "universe"]
