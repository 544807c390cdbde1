"""One request and its answer."""

from typing import Final

from cinema_shared import context, problems
from starlette.types import Receive, Scope, Send

from gateway.body import RequestBody
from gateway.headers import Head, Pairs
from gateway.protocol import DEPARTURE, TARGET, Departure

_PROBLEM: Final = (b"content-type", problems.MEDIA_TYPE.encode())


class Exchange:
    """What is known of the request, and the only way to answer it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: bytes = scope["raw_path"]
        self.query: bytes = scope["query_string"]
        self.target: bytes | None = scope.get(TARGET)
        self.departure: Departure = scope.get(DEPARTURE) or Departure()
        self.http_version: str = scope["http_version"]
        self.scheme: str = scope["scheme"]
        self.peer: str = scope["client"][0] if scope.get("client") else ""
        self.head = Head(scope["headers"])
        self.body = RequestBody(
            receive,
            present=b"transfer-encoding" in self.head.first
            or self.head.get(b"content-length") not in (None, b"0"),
            waits_for_continue=b"expect" in self.head.first,
        )
        self.started = False
        self.closing = False
        self._send = send
        self.request_id = context.accept_request_id(self.head.text(b"x-request-id"))
        self.traceparent = context.accept_traceparent(self.head.text(b"traceparent"))
        context.request_id.set(self.request_id)
        context.traceparent.set(self.traceparent)
        # Sent with every answer, whoever gives it.
        self.answer_headers: Pairs = [(b"x-request-id", self.request_id.encode())]

    async def start(self, status: int, headers: Pairs) -> None:
        """The status line and headers. What is left of the body decides over the connection."""
        self.started = True
        headers = headers + self.answer_headers
        if self.closing or not self.body.complete:
            headers.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def finish(self, chunk: bytes = b"") -> None:
        if not self.body.complete:
            await self.write(chunk)
            await self.body.discard()
            chunk = b""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": False})

    async def answer(self, status: int, headers: Pairs, content: bytes = b"") -> None:
        """An answer of our own."""
        if not self.body.complete:
            await self.body.settle()
        length = [] if status == 204 else [(b"content-length", b"%d" % len(content))]
        await self.start(status, [*length, *headers])
        await self.finish(content)

    async def refuse(self, problem: problems.Problem) -> None:
        await self.answer(
            problem.status,
            [_PROBLEM, *((k.lower().encode(), v.encode()) for k, v in problem.headers.items())],
            problems.body(problem.status, problem.code, problem.detail, problem.extras),
        )
