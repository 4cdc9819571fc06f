"""Start the stand-in: `python -m releasecontrol.examples.standin --port P [--host 127.0.0.1]`.

Environment: APP_DATABASE_URL (the example world) and APP_TOKEN (what /api asks for) are required;
OFREP_ENDPOINT and OFREP_TOKEN say where to ask for the flag, without them it is off. SIGTERM and
Ctrl-C stop it with exit code 0; a port in use or a missing setting is one line and exit code 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from typing import Final

from releasecontrol.examples.standin.flag import FlagClient
from releasecontrol.examples.standin.routes import App
from releasecontrol.examples.standin.server import Server
from releasecontrol.examples.standin.store import Store

HIGHEST_PORT: Final = 65_535


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    if missing := [name for name in ("APP_DATABASE_URL", "APP_TOKEN") if not os.environ.get(name)]:
        return _give_up(f"{' and '.join(missing)} must be set")
    app = App(
        store=Store(os.environ["APP_DATABASE_URL"]),
        flag=FlagClient(
            endpoint=os.environ.get("OFREP_ENDPOINT", ""), token=os.environ.get("OFREP_TOKEN", "")
        ),
        token=os.environ["APP_TOKEN"],
    )
    try:
        server = Server((asked.host, asked.port), app)
    except (OSError, UnicodeError) as failure:
        reason = getattr(failure, "strerror", None) or "not a host name"
        return _give_up(f"cannot listen on {asked.host}:{asked.port}: {reason}")
    return _serve(server)


def _serve(server: Server) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    host, port = server.server_address[:2]
    sys.stdout.write(f"Publishing stand-in on http://{host!s}:{port}\n")
    sys.stdout.flush()
    with server:
        server.serve_forever(poll_interval=0.1)
    server.app.store.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m releasecontrol.examples.standin",
        description="A stand-in for the publishing application, for smoke tests and the flag.",
    )
    parser.add_argument("--port", type=_port, required=True, help="0 takes any free one")
    parser.add_argument("--host", default="127.0.0.1")
    return parser


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return number


def _give_up(reason: str) -> int:
    sys.stderr.write(f"stand-in: {reason}\n")
    return 1


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="stand-in: %(message)s")
    sys.exit(main())
