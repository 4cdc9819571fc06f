"""Rehearsals: the exact bytes of a run on a throw-away clone of its target."""
