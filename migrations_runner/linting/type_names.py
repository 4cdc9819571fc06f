"""Type names as format_type writes them, from the parser's. Pure."""

from __future__ import annotations

from migrations_runner.kinds import Node
from migrations_runner.linting.nodes import literal, parts, strings

_WRITTEN = {
    "bool": "boolean",
    "bpchar": "character",
    "float4": "real",
    "float8": "double precision",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "varbit": "bit varying",
    "varchar": "character varying",
}
#: The names that make a column with a sequence, and what it really is.
SERIALS = {
    "bigserial": "bigint",
    "serial": "integer",
    "serial2": "smallint",
    "serial4": "integer",
    "serial8": "bigint",
    "smallserial": "smallint",
}
_NUMBERS = (
    "bigint",
    "boolean",
    "double precision",
    "integer",
    "numeric",
    "oid",
    "real",
    "smallint",
)


def type_name(node: Node) -> str:
    """How format_type would write a TypeName, such as ``character varying(20)[]``."""
    names = strings(node, "names")
    bare = SERIALS.get(names[-1]) or _WRITTEN.get(names[-1], names[-1])
    schema = names[-2] if len(names) > 1 and names[-2] != "pg_catalog" else ""
    modifiers = [value for each in parts(node, "typmods") if (value := literal(each)) is not None]
    inside = f"({','.join(modifiers)})" if modifiers and not bare.startswith("interval") else ""
    whole = f"{schema}.{bare}" if schema else bare
    return _with_modifier(whole, inside) + "[]" * bool(node.array_bounds)


def needs_quotes(type_: str) -> bool:
    """Must a value of this type be written in quotes?

    >>> needs_quotes("uuid"), needs_quotes("numeric(10,2)"), needs_quotes("integer[]")
    (True, False, True)
    """
    return type_.split("(", maxsplit=1)[0].strip() not in _NUMBERS


def _with_modifier(whole: str, inside: str) -> str:
    """``timestamp(3) with time zone``: the number stands before the zone."""
    for zone in (" with time zone", " without time zone"):
        if whole.endswith(zone):
            return whole.removesuffix(zone) + inside + zone
    return whole + inside
