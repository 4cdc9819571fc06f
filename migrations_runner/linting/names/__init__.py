"""Which column a name means: the server's own rules of scope, walked over a parsed statement. Pure.

Nothing here asks a server. What the catalog does not know stays "cannot tell".
"""

from __future__ import annotations

from migrations_runner.linting.names.record import Feed, Query, Reference, Sublink, Walked, Write
from migrations_runner.linting.names.walk import columns_of, walk

__all__ = ["Feed", "Query", "Reference", "Sublink", "Walked", "Write", "columns_of", "walk"]
