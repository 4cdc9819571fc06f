"""Requests to other machines: which are sent, how they end, how much is read."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import pytest
from django.conf import LazySettings

from monitoring import addresses, outbound
from monitoring.outbound import (
    AddressNotAllowed,
    NameNotLookedUp,
    NotAWebAddress,
    NotSendable,
    Request,
    Unreachable,
    send,
)
from tests.monitoring.conftest import Site


def test_an_answer_is_read_with_its_headers_and_time(site: Site, inside_allowed: None) -> None:
    site.says("GET /books?page=2", 200, "three books", X_Kind="list")
    answer = send(Request("GET", f"{site.url}/books?page=2", {"X-Asked": "ünïcode"}))
    assert (answer.status, answer.text, answer.cut) == (200, "three books", False)
    assert answer.headers["X-Kind"] == "list"
    assert answer.milliseconds > 0
    assert site.asked[0].headers["User-Agent"] == "release-control"


def test_a_body_is_sent_as_utf_8(site: Site, inside_allowed: None) -> None:
    site.says("POST /", 201)
    send(Request("POST", f"{site.url}/", {"Content-Type": "application/json"}, '{"a": "كتاب"}'))
    assert site.asked[0].body == '{"a": "كتاب"}'
    assert site.asked[0].headers["Content-Type"] == "application/json"


def test_at_most_256_kib_are_read(site: Site, inside_allowed: None) -> None:
    site.says("GET /big", 200, b"x" * (outbound.MOST_BYTES + 1))
    answer = send(Request("GET", f"{site.url}/big"))
    assert (len(answer.body), answer.cut) == (256 * 1024, True)


def test_a_redirect_is_shown_and_not_followed(site: Site, inside_allowed: None) -> None:
    site.says("GET /old", 302, Location="http://169.254.169.254/latest/meta-data/")
    assert send(Request("GET", f"{site.url}/old")).status == 302
    assert [asked.path for asked in site.asked] == ["/old"]


def test_credentials_of_the_machine_are_not_added(
    site: Site, inside_allowed: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ana password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    site.says("GET /", 200)
    assert send(Request("GET", f"{site.url}/")).status == 200
    assert "Authorization" not in site.asked[0].headers


# --- The address ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",  # noqa: S104  (it is refused)
        "224.0.0.1",
        "255.255.255.255",
        "2852039166",  # 169.254.169.254 as one number
    ],
)
def test_metadata_and_link_local_addresses_are_never_called_not_even_when_named(
    host: str, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.EXAMPLE = True
    monkeypatch.setenv("OUTBOUND_ALLOWED_HOSTS", host.strip("[]"))
    with pytest.raises(AddressNotAllowed, match="never called"):
        send(Request("GET", f"http://{host}/"))


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "192.168.1.1", "172.16.0.9", "[fc00::1]", "100.64.0.1"]
)
def test_private_addresses_need_leave(
    host: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXAMPLE = False
    monkeypatch.delenv("OUTBOUND_ALLOWED_HOSTS", raising=False)
    with pytest.raises(AddressNotAllowed, match="OUTBOUND_ALLOWED_HOSTS"):
        send(Request("GET", f"http://{host}/"))


def test_loopback_is_called_in_the_example_only_or_when_named(
    site: Site, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOWED_HOSTS", "example.test")
    settings.EXAMPLE = False
    with pytest.raises(AddressNotAllowed):
        send(Request("GET", f"{site.url}/"))
    assert site.asked == []
    settings.EXAMPLE = True
    assert send(Request("GET", f"{site.url}/")).status == 404


def test_one_forbidden_address_forbids_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers with a public and a private address must not get lucky."""
    both = [ip_address("1.1.1.1"), ip_address("10.0.0.1")]
    monkeypatch.setattr(addresses, "look_up", lambda *_: both)
    monkeypatch.setenv("OUTBOUND_ALLOWED_HOSTS", "")
    with pytest.raises(AddressNotAllowed, match=r"10\.0\.0\.1"):
        send(Request("GET", "http://both.test/"))


def test_the_connection_goes_to_the_checked_address_whatever_the_name_says_later(
    site: Site, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    """DNS rebinding: the second look-up would lead elsewhere, so there is no second one."""
    settings.EXAMPLE = False
    monkeypatch.setenv("OUTBOUND_ALLOWED_HOSTS", "rebinding.test")
    asked_for: list[str] = []

    def resolver(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked_for.append(host)
        address = "127.0.0.1" if host in {"rebinding.test", "127.0.0.1"} else "169.254.169.254"
        if asked_for.count("rebinding.test") > 1:
            address = "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    site.says("GET /", 200)
    assert send(Request("GET", f"http://rebinding.test:{site.port}/")).status == 200
    assert asked_for.count("rebinding.test") == 1
    assert site.asked[0].headers["Host"] == f"rebinding.test:{site.port}"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.test/",
        "file:///etc/passwd",
        "//example.test/",
        "http://",
        "http://[::1",
        "http://example.test:99999/",
        "http://ana:hunter2@example.test/",
        "not an address",
        "",
    ],
)
def test_what_is_no_web_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(NotAWebAddress) as refused:
        send(Request("GET", url))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("method", "header"), [("CONNECT", "x"), ("get", "x"), ("GET", "a\r\nHost: elsewhere")]
)
def test_what_no_request_can_carry_is_not_sent(
    method: str, header: str, site: Site, inside_allowed: None
) -> None:
    with pytest.raises(NotSendable):
        send(Request(method, f"{site.url}/", {"X-Test": header}))
    assert site.asked == []


# --- No answer --------------------------------------------------------------------------------
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_refused_connection_says_so(inside_allowed: None) -> None:
    with pytest.raises(Unreachable, match="nothing listens there"):
        send(Request("GET", f"http://127.0.0.1:{free_port()}/"))


@pytest.mark.parametrize(
    ("number", "refusal"),
    [(socket.EAI_NONAME, Unreachable), (socket.EAI_AGAIN, NameNotLookedUp)],
)
def test_no_such_host_is_a_fact_and_a_silent_name_server_is_not(
    number: int, refusal: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolver(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(number, "resolver says")

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with pytest.raises(refusal):
        send(Request("GET", "http://nowhere.test/"))


@contextmanager
def raw_server(*pieces: bytes, hold: bool) -> Iterator[int]:
    """Sends its pieces as they are; with `hold` it then keeps the connection open."""
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            for piece in pieces:
                connection.sendall(piece)
            if hold:
                done.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        done.set()
        thread.join()


def test_an_answer_that_never_comes_ends_with_the_clock(
    inside_allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "READ_SECONDS", 0.2)
    with raw_server(hold=True) as port, pytest.raises(Unreachable, match="in time"):
        send(Request("GET", f"http://127.0.0.1:{port}/"))


def test_an_answer_that_trickles_is_cut_when_the_whole_time_is_over(
    inside_allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read would be in time, so only a clock over all of it ends this."""
    monkeypatch.setattr(outbound, "WHOLE_SECONDS", 0.3)
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b"x" * 10
    with raw_server(endless, hold=True) as port, pytest.raises(Unreachable, match="longer than"):
        send(Request("GET", f"http://127.0.0.1:{port}/"))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
def test_half_an_answer_is_no_answer(said: bytes, inside_allowed: None) -> None:
    with raw_server(said, hold=False) as port, pytest.raises(Unreachable):
        send(Request("GET", f"http://127.0.0.1:{port}/"))


def test_tls_is_required_where_it_is_asked_for(site: Site, inside_allowed: None) -> None:
    with pytest.raises(Unreachable, match="TLS"):
        send(Request("GET", f"https://127.0.0.1:{site.port}/"))
