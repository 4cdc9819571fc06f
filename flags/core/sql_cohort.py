"""The same decision inside PostgreSQL: who is in, and with which variant, by their keys. Pure.

For a migration that is to touch exactly the users whom a flag lets in, and for reports. SQL has no
context, so only a flag whose answer depends on nothing but the key can be put this way; others are
refused by name, because a cohort that is nearly right is wrong.

MurmurHash3 x86 32 bit (Austin Appleby, public domain), in integers of 64 bits that are cut to 32
after each step. A product of two such numbers may not fit into 64, so the larger constants are
multiplied in halves. The functions live in ``pg_temp``: nothing stays behind, no extension is
needed, and only the right to make temporary objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from itertools import accumulate

from flags.core.bucketing import EVERYBODY, NOBODY, VARIANT_SEED
from flags.core.dialing import sharing
from flags.core.evaluation import compile_flag
from flags.core.ordering import MOST_ASKED, answers_needed, family, ground_up
from flags.core.specs import TARGETING_KEY, FlagSpec, OverrideSpec, RuleSpec, SegmentSpec
from releases.refusals import Refused

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){0,2}")

SETUP = """\
CREATE OR REPLACE FUNCTION pg_temp.rc_times(a bigint, b bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT ((a & 65535) * b + ((((a >> 16) * b) & 65535) << 16)) & 4294967295
$$;
CREATE OR REPLACE FUNCTION pg_temp.rc_murmur3(key text, seed bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  bytes bytea := convert_to(key, 'UTF8');
  size int := length(bytes);
  h bigint := seed;
  k bigint := 0;
BEGIN
  FOR i IN 0 .. size - 1 LOOP
    k := k | (get_byte(bytes, i)::bigint << (8 * (i % 4)));
    IF i % 4 = 3 OR i = size - 1 THEN
      k := pg_temp.rc_times(k, 3432918353);
      k := ((k << 15) | (k >> 17)) & 4294967295;
      h := h # ((k * 461845907) & 4294967295);
      k := 0;
      IF i % 4 = 3 THEN
        h := ((((h << 13) | (h >> 19)) & 4294967295) * 5 + 3864292196) & 4294967295;
      END IF;
    END IF;
  END LOOP;
  h := h # size;
  h := pg_temp.rc_times(h # (h >> 16), 2246822507);
  h := pg_temp.rc_times(h # (h >> 13), 3266489909);
  RETURN h # (h >> 16);
END
$$;
CREATE OR REPLACE FUNCTION pg_temp.rc_place(salt text, key text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT h % 100 * 1000 + h / 100 % 1000 FROM pg_temp.rc_murmur3(salt || ':' || key, 0) AS h
$$;
CREATE OR REPLACE FUNCTION pg_temp.rc_share(salt text, key text, seed bigint, total bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT pg_temp.rc_murmur3(salt || ':' || key, seed) % total
$$;
"""
"""Run once in the session, before what uses the expressions."""


class NotByKeyAlone(Refused):
    """This flag's answer depends on more than the key, so it cannot be asked in SQL."""


class NotAColumn(Refused):
    """That is not the name of a column; nothing was written."""


@dataclass(frozen=True, slots=True)
class SqlCohort:
    """SQL texts: what to run first, the name of the variant, and whether somebody is let in."""

    setup: str
    variant: str
    exposed: str


def sql_cohort(
    spec: FlagSpec,
    specs: Mapping[str, FlagSpec],
    segments: Mapping[str, SegmentSpec],
    column: str,
) -> SqlCohort:
    """Return expressions over a column that holds the flag's bucketing keys.

    `column` is a plain name, with its table where needed; anything that casts to text will do
    (text, uuid, integer). NULL and the empty text are somebody without a key. Raises
    `NotByKeyAlone`, `NotAColumn`, and `FlagNotCompilable` for a flag that has no answer.

    >>> from flags.core.specs import VariantSpec
    >>> on, off = VariantSpec("on", True, 1000), VariantSpec("off", False)
    >>> flag = FlagSpec("new", "new", True, False, 25_000, "off", (on, off))
    >>> sql_cohort(flag, {}, {}, "u.id").variant
    "CASE WHEN pg_temp.rc_place('new', nullif((u.id)::text, '')) < 25000 THEN 'on' ELSE 'off' END"
    """
    if not _COLUMN.fullmatch(column):
        raise NotAColumn(f"Given: “{column[:60]}”.")
    compile_flag(spec)
    asked = _Asked({**specs, spec.key: spec}, segments, spec, f"nullif(({column})::text, '')")
    variant = asked.variant(spec)
    return SqlCohort(SETUP, variant, f"({variant}) <> {_literal(spec.off_variant)}")


class _Asked:
    """The flags that take part in one question, and the key that is asked about."""

    def __init__(
        self,
        specs: Mapping[str, FlagSpec],
        segments: Mapping[str, SegmentSpec],
        spec: FlagSpec,
        key: str,
    ) -> None:
        self.specs, self.segments, self.key = family(spec.key, specs), segments, key
        self.bucket_by = spec.bucket_by
        order, self.circles = ground_up(self.specs)
        self.needed = answers_needed(self.specs, order)

    def variant(self, spec: FlagSpec) -> str:
        off = _literal(spec.off_variant)
        if spec.killed or not spec.enabled or self._stands_on_nothing(spec):
            return off
        self._refuse_what_sql_cannot_know(spec)
        cases = [f"WHEN {unmet} THEN {off}" for unmet in self._unmet(spec)]
        cases += map(self._override, reversed(spec.overrides))
        cases += [f"WHEN {when} THEN {then}" for when, then in self._rules(spec)]
        otherwise = off
        if spec.dial == EVERYBODY:
            otherwise = self._shares(spec)
        elif spec.dial != NOBODY:
            cases.append(f"WHEN {self._below(spec, spec.dial)} THEN {self._shares(spec)}")
        return f"CASE {' '.join(cases)} ELSE {otherwise} END" if cases else otherwise

    def _refuse_what_sql_cannot_know(self, spec: FlagSpec) -> None:
        if spec.bucket_by != self.bucket_by:
            raise NotByKeyAlone(f"“{spec.key}” goes by {spec.bucket_by}, not {self.bucket_by}.")
        if spec.overrides and spec.bucket_by != TARGETING_KEY:
            raise NotByKeyAlone(f"Overrides of “{spec.key}” go by {TARGETING_KEY}.")
        for number, rule in enumerate(spec.rules, 1):
            if rule.conditions or any(self._asks(key) for key in rule.segments):
                raise NotByKeyAlone(
                    f"Rule {number} “{rule.name}” of “{spec.key}” asks for attributes."
                )

    def _asks(self, segment: str) -> bool:
        return segment in self.segments and bool(self.segments[segment].conditions)

    def _stands_on_nothing(self, spec: FlagSpec) -> bool:
        return spec.key in self.circles or self.needed.get(spec.key, 0) > MOST_ASKED

    def _unmet(self, spec: FlagSpec) -> Iterator[str]:
        for one in spec.requires:
            if one.flag not in self.specs:
                yield "true"
                continue
            parent = self.specs[one.flag]
            compile_flag(parent)
            letting_in = {each.name for each in parent.variants} - {parent.off_variant}
            wanted = letting_in & set(one.variants) if one.variants else letting_in
            names = ", ".join(map(_literal, sorted(wanted)))
            yield f"({self.variant(parent)}) NOT IN ({names})" if wanted else "true"

    def _override(self, override: OverrideSpec) -> str:
        lasts = ""
        if override.until is not None:
            lasts = f" AND now() < timestamptz '{override.until.astimezone(UTC).isoformat()}'"
        answer = _literal(override.variant)
        return f"WHEN {self.key} = {_literal(override.key)}{lasts} THEN {answer}"

    def _rules(self, spec: FlagSpec) -> Iterator[tuple[str, str]]:
        for rule in spec.rules:
            if any(key not in self.segments for key in rule.segments):
                continue  # nobody is in a segment that is not there
            everybody = rule.percentage == EVERYBODY
            yield (
                "true" if everybody else self._below(spec, rule.percentage),
                self._given(spec, rule),
            )

    def _given(self, spec: FlagSpec, rule: RuleSpec) -> str:
        return self._shares(spec) if rule.variant is None else _literal(rule.variant)

    def _below(self, spec: FlagSpec, dial: int) -> str:
        return f"pg_temp.rc_place({_literal(spec.salt)}, {self.key}) < {dial}"

    def _shares(self, spec: FlagSpec) -> str:
        shares = sharing(spec)
        names = [_literal(variant.name) for variant in shares]
        if len(shares) == 1:
            return names[0]
        edges = list(accumulate(variant.weight for variant in shares))
        facts = f"{_literal(spec.salt)}, {self.key}, {VARIANT_SEED}, {edges[-1]}"
        share = f"pg_temp.rc_share({facts})"
        steps = ", ".join(map(str, edges[:-1]))
        # Below the first edge width_bucket says 0; without a key it says NULL: the first share.
        place = f"coalesce(width_bucket({share}, ARRAY[{steps}]::bigint[]), 0)"
        return f"(ARRAY[{', '.join(names)}])[1 + {place}]"


def _literal(text: str) -> str:
    r"""Return a text as an SQL literal, whatever standard_conforming_strings is.

    >>> print(_literal("it's"), _literal(r"a\b"))
    'it''s' E'a\\b'
    """
    quoted = text.replace("'", "''")
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in text else f"'{quoted}'"
