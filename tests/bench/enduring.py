"""Minutes of load with a change each second: no wrong answer, no error, memory flat.

Each answer names the revision that it is from. Afterwards every one is compared with what that
revision's own documents give, compiled anew from the history; so an answer that mixes two
revisions, or is from before the one that the same connection had already, is found.
`ENDURING_MINUTES` says how long: 2 by default, ten for the record.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from flags.changing import rollout
from flags.core.compiling import compile_ruleset
from flags.core.specs import flag_from
from flags.models import Flag, FlagState, RulesetEntry, RulesetRevision
from flags.serving import ruleset
from releases.models import Environment
from releases.timeline import Actor
from tests.bench import wrk
from tests.bench.frame import Result
from tests.bench.memory import family
from tests.bench.serving import WEB, flags_and_token

MINUTES = float(os.environ.get("ENDURING_MINUTES", "2"))
CONNECTIONS = 4
USERS = 500
KEY = "flag-7"
GROWTH = 1.1
"""Memory at the end over memory in the middle, at most."""

Answered = tuple[int, int, str]
"""Revision, number of the user, variant."""


class Client(threading.Thread):
    """Asks for one flag over one connection until told to stop, and notes what it was told."""

    def __init__(self, base: str, token: str, stopping: threading.Event) -> None:
        super().__init__(daemon=True)
        self._address, self._token, self._stopping = urlsplit(base).netloc, token, stopping
        self.answers: set[Answered] = set()
        self.errors: Counter[str] = Counter()
        self.asked = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        last = 0
        for user in itertools.cycle(range(USERS)):
            if self._stopping.is_set():
                break
            self.asked += 1
            try:
                answer = self._ask(connection, user)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as odd:
                self.errors[repr(odd)] += 1
                connection.close()
                continue
            if answer[0] < last:
                self.errors["an older revision after a newer one"] += 1
            last = answer[0]
            self.answers.add(answer)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, user: int) -> Answered:
        body = json.dumps({"context": {"targetingKey": f"user-{user}"}})
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection.request("POST", f"/ofrep/v1/evaluate/flags/{KEY}", body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status != http.client.OK:
            raise ValueError(f"{response.status}: {content[:200]!r}")
        return int(response.headers["X-Ruleset-Revision"]), user, json.loads(content)["variant"]


def run() -> list[Result]:
    token = flags_and_token()
    ruleset.stop()
    environment = Environment.objects.get(slug="bench")
    known = set(family(os.getpid()))
    with wrk.granian(*WEB, "releasecontrol.wsgi:application") as base:
        server = set(family(os.getpid())) - known
        clients, memory = load(base, token, environment, server)
    return told(environment, clients, memory)


def load(
    base: str, token: str, environment: Environment, server: set[int]
) -> tuple[list[Client], list[int]]:
    """Return the clients after their work, and the server's bytes after each change."""
    stopping = threading.Event()
    clients = [Client(base, token, stopping) for _ in range(CONNECTIONS)]
    for client in clients:
        client.start()
    memory = []
    try:
        for dial in dials():
            stopping.wait(1)
            turn(environment, dial)
            memory.append(sum(map(resident, server)))
        stopping.wait(3)  # the last one is to be heard of, too
    finally:
        stopping.set()
        for client in clients:
            client.join(30)
    return clients, memory


def dials() -> Iterator[int]:
    draw = random.Random(4)  # noqa: S311  (the same changes in each run)
    return (draw.randrange(0, 100_001) for _ in range(int(MINUTES * 60)))


def turn(environment: Environment, dial: int) -> None:
    """A change each second: the dial; every tenth one is a kill."""
    flag, actor = Flag.objects.get(key=KEY), Actor.command("bench")
    state = FlagState.objects.filter(flag=flag, environment=environment)
    state.update(killed_at=None)
    if dial % 10 == 0:
        rollout.kill(flag=flag, environment=environment, reason="bench", actor=actor)
    else:
        rollout.turn_dial(flag=flag, environment=environment, to=dial, reason="b", actor=actor)


def resident(pid: int) -> int:
    """What a process has resident now, in bytes; 0 if it has gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def wrong(environment: Environment, answers: set[Answered]) -> int:
    """How many answers are not those of the revision that they name."""
    by_revision: dict[int, list[Answered]] = {}
    for one in answers:
        by_revision.setdefault(one[0], []).append(one)
    return sum(_differ(environment, revision, some) for revision, some in by_revision.items())


def _differ(environment: Environment, revision: int, answers: list[Answered]) -> int:
    published = RulesetEntry.objects.filter(
        environment=environment, key=KEY, revision__lte=revision
    ).latest("revision")
    flag = compile_ruleset({KEY: flag_from(published.document or {})}, {}).flags[KEY]
    return sum(
        flag({"targetingKey": f"user-{user}"}).variant != variant for _, user, variant in answers
    )


def told(environment: Environment, clients: list[Client], memory: list[int]) -> list[Result]:
    answers = set().union(*(client.answers for client in clients))
    errors = sum((client.errors for client in clients), Counter[str]())
    seen = {revision for revision, _, _ in answers}
    newest = RulesetRevision.objects.get(environment=environment).revision
    bad = wrong(environment, answers)
    asked = sum(client.asked for client in clients)
    begin, middle, end = (memory[place] / 2**20 for place in (0, len(memory) // 2, -1))
    return [
        Result(
            bench=f"{MINUTES:g} minutes of load with a change each second",
            value=bad + errors.total(),
            unit="answers wrong or missing",
            versus=(
                f"{asked} asked, {len(answers)} different ones compared, {len(seen)} of"
                f" {len(memory)} changes seen; {dict(errors.most_common(3))}"
            ),
            ratio=None,
            goal="none, and the last change is seen",
            holds=not bad and not errors and newest in seen,
        ),
        Result(
            bench=f"memory of the server over {MINUTES:g} minutes",
            value=round(end, 1),
            unit="MB resident at the end",
            versus=f"{begin:.1f} MB at the start, {middle:.1f} MB in the middle",
            ratio=round(end / middle, 3),
            goal=f"<= {GROWTH} of the middle",
            holds=end <= middle * GROWTH,
        ),
    ]
