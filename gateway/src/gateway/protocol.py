"""uvicorn's HTTP/1.1 protocol, with the bounds that it lacks.

The parser is strict (two lengths, a length and a coding, bad chunks, bare line feeds, folded
headers: all refused), but it waits for ever, and keeps whatever it is sent. And ASGI does not show
an absolute target (`GET http://elsewhere/ HTTP/1.1`), which must not pass for its path alone.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

import httptools
from cinema_shared import problems
from cinema_shared.context import accept_request_id
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.edge import MAX_HEAD_BYTES, HeadTooLarge

# Where the scope holds the request line's target, as sent, and who tells that the client has gone.
TARGET: Final = "gateway.target"
DEPARTURE: Final = "gateway.departure"

_HEAD_WITHIN_S: Final = 7.0
_LINGER_S: Final = 1.0
_UNKNOWN_METHOD: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}(?= \S+ HTTP/1\.[01]\r\n)")


class Departure:
    """The client's leaving, told at once: ASGI would need a task a request to wait for it."""

    __slots__ = ("_tell",)

    def __init__(self) -> None:
        self._tell: Callable[[], None] | None = None

    def watch(self, tell: Callable[[], None] | None) -> None:
        """Whom to tell, until somebody else is; nobody, for None."""
        self._tell = tell

    def happen(self) -> None:
        if self._tell is not None:
            self._tell()


class EdgeProtocol(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A request for an upgrade is answered as if it were none.
        self.ws_protocol_class = None
        self._undelivered = 0
        self._in_head = True
        self._refused = False
        self._last = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._departure = Departure()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)
        self._departure.happen()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._undelivered = 0
        self._head_arrived()
        super().on_headers_complete()
        self.scope[TARGET] = self.url  # type: ignore[typeddict-unknown-key]
        self.scope[DEPARTURE] = self._departure  # type: ignore[typeddict-unknown-key]
        # Trailers go nowhere: added to the scope's headers they would pass for them.
        self.headers = []
        if self._last:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._undelivered = 0
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        # What the parser keeps to itself: headers, trailers and chunk extensions without an end.
        self._undelivered += len(data)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserInvalidMethodError:
            self._unknown_method(data)
        except httptools.HttpParserError:
            self._refuse(problems.BadRequest("This is not a valid HTTP request."))
        if self._undelivered > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge())
        # Empty lines begin no request, but have ended the wait for one.
        waiting = not self._refused and (self._in_head or self.cycle.response_complete)
        if waiting and self._head_timer is None:
            self._await_head()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(_HEAD_WITHIN_S, self.transport.close)

    def _head_arrived(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _unknown_method(self, data: bytes) -> None:
        """Let the application say 405, as it does to a method that the parser does know."""
        method = _UNKNOWN_METHOD.match(data)
        pending = self.cycle is not None and not self.cycle.response_complete
        if method is None or pending:
            self._refuse(problems.BadRequest("This is not a valid HTTP request."))
            return
        self._last = True
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"TRACE" + data[method.end() :])

    def _refuse(self, problem: problems.Problem) -> None:
        """Answer, and read on for a moment: closing at once would reset what we have just said."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._head_arrived()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started or not cycle.more_body:
                # What is wrong comes after a request that is being answered: another answer would
                # be taken for that one's.
                self.transport.close()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        request_id = accept_request_id(None)
        content = problems.body(
            problem.status, problem.code, problem.detail, {"request_id": request_id}
        )
        self.transport.write(
            STATUS_LINE[problem.status]
            + b"content-type: application/problem+json\r\nconnection: close\r\n"
            + b"content-length: %d\r\nx-request-id: %s\r\n\r\n"
            % (len(content), request_id.encode())
            + content
        )
        self.transport.write_eof()
        self.loop.call_later(_LINGER_S, self.transport.close)
