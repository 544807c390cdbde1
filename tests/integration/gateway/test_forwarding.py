"""From the client to the service and back."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from starlette.types import Receive, Send

from tests.integration.gateway.conftest import Entrance
from tests.integration.gateway.double import Sent, answer, answers, never, read


@pytest.mark.parametrize(
    "target",
    ["/movie", "/movie/", "/hold/caf%C3%A9/", "/movie/?search=a%2Fb+%C3%A9&x=%00", "/movie/7?"],
)
async def test_the_same_bytes_arrive(gateway: Entrance, target: str) -> None:
    async with gateway.ask("GET", target, headers=gateway.issuer.bearer(1)) as response:
        assert response.status == 200

    path, _, query = target.partition("?")
    assert (gateway.service.last.path, gateway.service.last.query) == (path, query)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_the_method_and_body_arrive(gateway: Entrance, method: str) -> None:
    headers = gateway.issuer.bearer(1) | {"Content-Type": "application/json"}
    async with gateway.ask(method, "/movie/7/", data=b'{"a": 1}', headers=headers) as response:
        assert await response.json() == {"answered": True}

    sent = gateway.service.last
    assert (sent.method, sent.body) == (method, b'{"a": 1}')
    assert sent.one("content-type") == "application/json"
    assert sent.one("content-length") == "8"


async def test_the_status_and_headers_come_back(gateway: Entrance) -> None:
    link = b'</movie/?cursor=x>; rel="next"'
    headers = [(b"link", link), (b"x-a", b"1"), (b"x-a", b"2"), (b"server", b"secret/1.0")]
    gateway.service.behaviour = answers(409, b"{}", headers)

    async with gateway.ask("GET", "/movie/") as response:
        assert response.status == 409
        assert response.headers["Link"] == link.decode()
        assert response.headers.getall("X-A") == ["1", "2"]
        assert "Server" not in response.headers
        assert len(response.headers.getall("Date")) == 1
        assert response.headers.getall("Content-Length") == ["2"]


async def test_a_service_s_own_failure_comes_back_as_it_is(gateway: Entrance) -> None:
    gateway.service.behaviour = answers(500, b'{"code": "internal_error"}')

    async with gateway.ask("GET", "/movie/") as response:
        assert (response.status, await response.read()) == (500, b'{"code": "internal_error"}')


async def test_a_redirection_is_for_the_client(gateway: Entrance) -> None:
    gateway.service.behaviour = answers(307, b"", [(b"location", b"/user/")])

    async with gateway.ask("GET", "/movie/", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (307, "/user/")
    assert len(gateway.service.requests) == 1


async def test_the_body_s_encoding_is_left_alone(gateway: Entrance) -> None:
    packed = gzip.compress(b"hello")
    gateway.service.behaviour = answers(200, packed, [(b"content-encoding", b"gzip")])

    async with gateway.ask("GET", "/movie/", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Length"] == str(len(packed))
        assert await response.read() == b"hello"

    assert gateway.service.last.one("accept-encoding") == "gzip"


async def test_the_gateway_adds_nothing_of_its_own_client(gateway: Entrance) -> None:
    await gateway.raw(b"POST /register/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert {name for name, _ in gateway.service.last.headers} == {
        "host",
        "content-length",
        "traceparent",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
    }


async def test_head_is_get_without_the_body(gateway: Entrance) -> None:
    gateway.service.behaviour = answers(200, b"x" * 9)

    async with gateway.ask("HEAD", "/movie/") as response:
        assert (response.status, response.headers["Content-Length"]) == (200, "9")
        assert await response.read() == b""

    assert gateway.service.last.method == "HEAD"


async def test_answers_without_a_body(gateway: Entrance) -> None:
    async def unchanged(sent: Sent, receive: Receive, send: Send) -> None:
        headers = [(b"etag", b'"1"'), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    gateway.service.behaviour = unchanged
    async with gateway.ask("GET", "/movie/") as response:
        assert (response.status, response.headers["ETag"]) == (304, '"1"')

    gateway.service.behaviour = answers(204)
    async with gateway.ask("DELETE", "/hall/1/", headers=gateway.issuer.bearer(1)) as response:
        assert response.status == 204
        assert "Content-Length" not in response.headers


async def test_a_large_body_passes_with_its_length(gateway: Entrance) -> None:
    body = bytes(range(256)) * 3900

    headers = gateway.issuer.bearer(1)
    async with gateway.ask("PUT", "/movie/7/", data=body, headers=headers) as response:
        assert response.status == 200

    assert gateway.service.last.body == body
    assert gateway.service.last.one("content-length") == str(len(body))
    assert gateway.service.last.all("transfer-encoding") == []


async def test_a_large_body_passes_in_chunks(gateway: Entrance) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(90):
            yield bytes([number]) * 10_000

    headers = gateway.issuer.bearer(1)
    async with gateway.ask("PUT", "/movie/7/", data=pieces(), headers=headers) as response:
        assert response.status == 200

    assert gateway.service.last.body == b"".join([piece async for piece in pieces()])
    assert gateway.service.last.one("transfer-encoding") == "chunked"


async def test_a_large_body_is_not_waited_for(gateway: Entrance) -> None:
    """The service has its beginning before its end was sent."""
    arrived = asyncio.Event()

    async def notice(sent: Sent, receive: Receive, send: Send) -> None:
        await receive()
        arrived.set()
        await read(receive)
        await answer(send, 200)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        await arrived.wait()
        yield b"y"

    gateway.service.behaviour = notice
    async with asyncio.timeout(3):
        headers = gateway.issuer.bearer(1)
        async with gateway.ask("PUT", "/movie/7/", data=pieces(), headers=headers):
            assert arrived.is_set()


async def test_an_answer_is_not_waited_for(gateway: Entrance) -> None:
    """The client has its beginning before its end was made."""
    seen = asyncio.Event()

    async def stream(sent: Sent, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await seen.wait()
        await send({"type": "http.response.body", "body": b"last"})

    gateway.service.behaviour = stream
    async with asyncio.timeout(3), gateway.ask("GET", "/movie/") as response:
        assert await response.content.readany() == b"first"
        seen.set()
        assert await response.content.readany() == b"last"


async def test_a_large_answer_arrives_whole(gateway: Entrance) -> None:
    content = bytes(range(256)) * 40_000
    gateway.service.behaviour = answers(200, content)

    async with gateway.ask("GET", "/movie/") as response:
        assert await response.read() == content


async def test_an_answer_that_breaks_off_does_not_pass_for_whole(gateway: Entrance) -> None:
    async def break_off(sent: Sent, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        send.__self__.transport.close()  # type: ignore[attr-defined]

    gateway.service.behaviour = break_off
    async with gateway.ask("GET", "/movie/") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_client_that_goes_away_cancels_its_request(gateway: Entrance) -> None:
    gone = asyncio.Event()

    async def wait(sent: Sent, receive: Receive, send: Send) -> None:
        await never(sent, receive, send)
        gone.set()

    gateway.service.behaviour = wait
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), gateway.ask("GET", "/movie/"):
            pass

    async with asyncio.timeout(1):
        await gone.wait()


async def test_connections_to_the_service_are_kept(gateway: Entrance) -> None:
    for _ in range(5):
        async with gateway.ask("GET", "/movie/"):
            pass

    assert len({sent.scope["client"] for sent in gateway.service.requests}) == 1


async def test_a_pipeline_is_answered_in_order(gateway: Entrance) -> None:
    one = b"GET /movie/%d/ HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    answered = await gateway.raw(one % 1 + one % 2 + last)

    assert re.findall(rb"HTTP/1.1 (\d+)", answered) == [b"200", b"200", b"404"]
    assert [sent.path for sent in gateway.service.requests] == ["/movie/1/", "/movie/2/"]
