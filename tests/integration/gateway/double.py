"""A service that says what it was sent, and does as a test tells it."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]


@dataclass
class Sent:
    """A request as it arrived."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    scope: Scope = field(repr=False)
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


Behaviour = Callable[[Sent, Receive, Send], Awaitable[None]]


class Double:
    def __init__(self) -> None:
        self.requests: list[Sent] = []
        self.behaviour: Behaviour | None = None
        self.ready = True
        self.frozen = False
        self.document: dict[str, Any] | None = None

    @property
    def last(self) -> Sent:
        return self.requests[-1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif self.frozen:
            await gone(receive)
        elif scope["path"] == "/readyz":
            await answer(send, 200 if self.ready else 503)
        elif scope["path"] == "/openapi.json":
            document = json.dumps(self.document).encode()
            await answer(send, 200 if self.document else 404, document)
        else:
            await self._take(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = Sent(
            scope["method"],
            scope["raw_path"].decode(),
            scope["query_string"].decode(),
            [(name.decode(), value.decode()) for name, value in scope["headers"]],
            scope,
        )
        self.requests.append(sent)
        with suppress(ConnectionResetError):
            await (self.behaviour or self._answer)(sent, receive, send)

    async def _answer(self, sent: Sent, receive: Receive, send: Send) -> None:
        sent.body = await read(receive)
        await answer(send, 200, b'{"answered": true}', [(b"content-type", b"application/json")])


async def read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        part: bytes = message.get("body", b"")
        body += part
        if not message.get("more_body"):
            return body


async def gone(receive: Receive) -> None:
    """Wait until the caller is."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def answer(
    send: Send, status: int, content: bytes = b"", headers: Headers | None = None
) -> None:
    length = (b"content-length", str(len(content)).encode())
    headers = [length, *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def answers(status: int, content: bytes = b"", headers: Headers | None = None) -> Behaviour:
    """A behaviour: this answer."""

    async def behave(sent: Sent, receive: Receive, send: Send) -> None:
        sent.body = await read(receive)
        await answer(send, status, content, headers)

    return behave


async def never(sent: Sent, receive: Receive, send: Send) -> None:
    """A behaviour: no answer, until the caller has gone."""
    sent.body = await read(receive)
    await gone(receive)


async def dies(sent: Sent, receive: Receive, send: Send) -> None:
    """A behaviour: the connection breaks when the request has arrived."""
    sent.body = await read(receive)
    # What uvicorn keeps behind `send`, which is the only way to its connection.
    send.__self__.transport.abort()  # type: ignore[attr-defined]
