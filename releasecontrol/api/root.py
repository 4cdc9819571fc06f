"""The JSON API under /api/v1/: a translation of the same verbs that the screens call."""

from __future__ import annotations

from ninja import NinjaAPI

from releasecontrol.api import (
    flag_changes,
    flag_explain,
    flag_targeting,
    flags,
    problems,
    propagation,
    rehearsals,
    releases,
    runs,
    scripts,
    targets,
)
from releasecontrol.api.auth import ManageToken

api = NinjaAPI(
    title="Release Control",
    version="1",
    auth=ManageToken(),
    docs_url=None,  # its page loads scripts from another host; the document itself is enough
    urls_namespace="api",
)
problems.register(api)
api.add_router("", releases.router)
api.add_router("", runs.router)
api.add_router("", rehearsals.router)
api.add_router("", scripts.router)
api.add_router("", targets.router)
api.add_router("", flags.router)
api.add_router("", flag_changes.router)
api.add_router("", flag_targeting.router)
api.add_router("", propagation.router)
api.add_router("", flag_explain.router)
