"""What is refused before it goes anywhere, as it arrives on the wire."""

import asyncio
import json

import pytest
from starlette.types import Receive, Send

from tests.integration.gateway.conftest import Entrance
from tests.integration.gateway.double import Sent, answers

HEAD = b"Host: a\r\nConnection: close\r\n\r\n"
POST = b"POST /register/ HTTP/1.1\r\nHost: a\r\n"


def status(answered: bytes) -> int:
    return int(answered[9:12])


def problem(answered: bytes) -> dict[str, object]:
    head, _, body = answered.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    document: dict[str, object] = json.loads(body)
    assert f"x-request-id: {document['request_id']}".encode() in head.lower()
    return document


@pytest.mark.parametrize(
    "target",
    [
        b"/%2e%2e/user/",
        b"/movie/%2e%2e/user/",
        b"/movie/../user/",
        b"/movie%2f7",
        b"//movie/",
        b"//elsewhere/movie/",
        b"/movie//7",
        b"/movie/;a=b",
        b"/movie/7;a",
        b"/movie\\7",
        b"/movie/%5c7",
        b"/movie/%00",
        b"/movie/%0d%0aX-A:1",
        b"/movie/#a",
        b"http://elsewhere/movie/",
        b"http://127.0.0.1:8000/movie/",
        b"http:///movie/",
        b"movie",
        b"*",
        b"/movie/\xc3\xa9",
    ],
)
async def test_a_target_in_disguise(gateway: Entrance, target: bytes) -> None:
    answered = await gateway.raw(b"GET " + target + b" HTTP/1.1\r\n" + HEAD)

    assert status(answered) in (400, 404)
    assert problem(answered)["status"] == status(answered)
    assert gateway.service.requests == []


@pytest.mark.parametrize(
    "target",
    ["/internal/revocations", "/metrics", "/auth/metrics", "/", "/movie/7/8", "/favicon.ico"],
)
async def test_what_is_not_routed(gateway: Entrance, target: str) -> None:
    async with gateway.ask("GET", target) as response:
        assert response.status == 404
        document = await response.json()
        assert document["code"] == "not_found"
        assert document["request_id"] == response.headers["X-Request-ID"]
    assert gateway.service.requests == []


@pytest.mark.parametrize(
    "host", [b"a/b", b"a/../user/", b"user@a", b"a b", b"http://a", b"a?b", b"", b"a#b"]
)
async def test_a_host_that_is_more_than_a_host(gateway: Entrance, host: bytes) -> None:
    answered = await gateway.raw(
        b"GET /movie/ HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
    )

    assert status(answered) == 400
    assert gateway.service.requests == []


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /movie/ HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /movie/ HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 1, 1\r\n\r\na",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET /movie/ HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
        b"GET /movie/ HTTP/1.1\nHost: a\n\n",
        b"GET /movie/ HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n",
        b"GET /movie/ HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n",
        b"GET /movie/ HTTP/1.1\r\nHost: a\r\nX-A: \xe9\r\nConnection: close\r\n\r\n",
        b"GET /movie/ HTTP/9.9\r\nHost: a\r\n\r\n",
        b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
    ],
)
async def test_a_request_that_could_be_read_in_two_ways(gateway: Entrance, request_: bytes) -> None:
    """400, and the connection closed: nothing after it is taken for another request."""
    smuggled = b"GET /ticket_status/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    answered = await gateway.raw(request_ + smuggled)

    assert status(answered) == 400
    assert answered.count(b"HTTP/1.1 ") == 1
    assert problem(answered)["code"] == "bad_request"
    await asyncio.sleep(0.05)
    assert gateway.service.requests == []


@pytest.mark.parametrize("method", ["TRACE", "FOO", "foo", "PROPFIND", "OPTIONS", "POST", "BREW"])
async def test_a_method_that_is_not_known(gateway: Entrance, method: str) -> None:
    answered = await gateway.raw(method.encode() + b" /ticket_status/ HTTP/1.1\r\n" + HEAD)

    assert status(answered) == 405
    assert b"\r\nallow: GET, HEAD\r\n" in answered
    assert problem(answered)["code"] == "method_not_allowed"
    assert gateway.service.requests == []


async def test_after_an_unknown_method_the_connection_is_closed(gateway: Entrance) -> None:
    one = b"FOO /movie/ HTTP/1.1\r\nHost: a\r\n\r\n"

    answered = await gateway.raw(one + b"GET /movie/ HTTP/1.1\r\nHost: a\r\n\r\n")

    assert answered.count(b"HTTP/1.1 405 ") == 1
    assert answered.count(b"HTTP/1.1 ") == 1


async def test_rubbish_is_not_answered_in_the_place_of_a_request(gateway: Entrance) -> None:
    async def slow(sent: Sent, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.3)
        await answers(200)(sent, receive, send)

    gateway.service.behaviour = slow
    good = b"GET /movie/ HTTP/1.1\r\nHost: a\r\n\r\n"

    assert await gateway.raw(good + b"rubbish\r\n\r\n") == b""


@pytest.mark.parametrize("sent", ["a\tSet-Cookie: x=1", "a%0d%0ab", "x" * 200, "a b", "<a>", ""])
async def test_an_odd_request_id_is_replaced(gateway: Entrance, sent: str) -> None:
    request_ = f"GET /movie/ HTTP/1.1\r\nHost: a\r\nX-Request-ID: {sent}\r\n".encode()
    answered = await gateway.raw(request_ + b"Connection: close\r\n\r\n")

    assert b"\r\nset-cookie" not in answered.lower()
    for request in gateway.service.requests:
        assert request.one("x-request-id").isalnum()
        assert len(request.one("x-request-id")) == 32


async def test_the_request_id_is_kept_and_returned_once(gateway: Entrance) -> None:
    headers = {"X-Request-ID": "order-17.4"}
    for target in ("/movie/", "/nothing", "/livez"):
        async with gateway.ask("GET", target, headers=headers) as response:
            assert response.headers.getall("X-Request-ID") == ["order-17.4"]

    assert gateway.service.last.one("x-request-id") == "order-17.4"


async def test_the_trace_is_carried_on(gateway: Entrance) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with gateway.ask("GET", "/movie/", headers={"traceparent": trace}):
        assert gateway.service.last.one("traceparent") == trace

    async with gateway.ask("GET", "/movie/", headers={"traceparent": "nonsense"}):
        assert gateway.service.last.one("traceparent").startswith("00-")


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
async def test_another_protocol_is_not_spoken(gateway: Entrance, protocol: str) -> None:
    """The request is served as it stands, and what asks for an upgrade goes no further."""
    answered = await gateway.raw(
        f"GET /movie/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
        f"Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n".encode()
    )

    assert status(answered) == 200
    assert gateway.service.last.all("upgrade") == gateway.service.last.all("http2-settings") == []
