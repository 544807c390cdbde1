"""Passes a request on to a replica, and its answer back, both as they come.

Every wait has an end: the client has a few seconds for its body, the replica for the beginning of
its answer and for each piece after that, and whoever no longer reads is let go.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import structlog
from cinema_shared.problems import Problem, ServiceUnavailable

from gateway import headers
from gateway.body import ClientGone
from gateway.client import Client
from gateway.connection import Answer, Body, Unreachable
from gateway.exchange import Exchange
from gateway.headers import Pairs
from gateway.upstreams import Replica, Upstream

log = structlog.get_logger(__name__)

_ANSWER_WITHIN_S: Final = 4.5
_READ_WITHIN_S: Final = 10.0


async def forward(
    client: Client, exchange: Exchange, upstream: Upstream, *, first: bool = False
) -> None:
    """Answer the exchange with what a replica says, or raise the problem that there was."""
    beginning = await exchange.body.begin()
    passage = _Passage(client, exchange, upstream, beginning, first=first)
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S) as deadline:
            await passage.run(deadline)
    except TimeoutError:
        if passage.client_gone:
            raise ClientGone from None
        if exchange.body.failure:
            raise exchange.body.failure from None
        log.warning("upstream_timeout", upstream=upstream.name)
        if not exchange.started:
            raise ServiceUnavailable from None
        # Too late for a problem: the connection ends short of what was announced.


class _Passage:
    """One request on its way."""

    def __init__(
        self,
        client: Client,
        exchange: Exchange,
        upstream: Upstream,
        beginning: bytes,
        *,
        first: bool,
    ) -> None:
        self.client_gone = False
        self._client = client
        self._exchange = exchange
        self._upstream = upstream
        self._beginning = beginning
        self._first = first
        self._whole = exchange.body.complete
        self._deadline: asyncio.Timeout | None = None

    async def run(self, deadline: asyncio.Timeout) -> None:
        self._deadline = deadline
        if self._whole:
            self._exchange.departure.watch(self._client_left)
        try:
            replica = self._upstream.pick(first=self._first)
            if not await self._through(replica):
                other = self._upstream.pick(but=replica, first=self._first)
                await self._through(other, again=True)
        finally:
            self._deadline = None
            self._exchange.departure.watch(None)

    async def _through(self, replica: Replica, *, again: bool = False) -> bool:
        """Whether that was the end of it; False where another replica may be asked."""
        exchange = self._exchange
        replica.pending += 1
        try:
            answer = await self._client.ask(
                replica.address, exchange.method, self._target(), self._headers(), self._body()
            )
            try:
                await self._relay(answer)
            finally:
                answer.close()
        except Unreachable as error:
            if exchange.body.failure:
                raise exchange.body.failure from None
            replica.failed()
            log.warning(
                "replica_failed",
                upstream=self._upstream.name,
                address=replica.address.authority,
                error=str(error),
            )
            if exchange.started:
                return True
            if again or not self._may_repeat(error):
                raise ServiceUnavailable from None
            return False
        finally:
            replica.pending -= 1
            self._upstream.finished()
        return True

    def _may_repeat(self, error: Unreachable) -> bool:
        """Nothing is carried out twice, unless twice is the same as once."""
        if not error.sent:
            return True
        head = self._exchange.head
        return self._whole and (
            self._exchange.method in ("GET", "HEAD") or head.get(b"idempotency-key") is not None
        )

    def _target(self) -> str:
        """The same bytes that were matched."""
        exchange = self._exchange
        path = exchange.path + b"?" + exchange.query if exchange.query else exchange.path
        return path.decode()

    def _headers(self) -> Pairs:
        exchange = self._exchange
        host = exchange.head.get(b"host") or b""
        pairs = [
            *exchange.head.forward,
            (b"host", host),
            (b"x-request-id", exchange.request_id.encode()),
            (b"traceparent", exchange.traceparent.encode()),
            (b"x-forwarded-for", exchange.peer.encode()),
            (b"x-forwarded-proto", exchange.scheme.encode()),
            (b"x-forwarded-host", host),
        ]
        if not self._whole and exchange.body.length is not None:
            pairs.append((b"content-length", b"%d" % exchange.body.length))
        return pairs

    def _body(self) -> Body:
        return (self._beginning or None) if self._whole else self._stream()

    async def _stream(self) -> AsyncIterator[bytes]:
        """A large body, piece by piece; while we wait for the client, the replica need not."""
        yield self._beginning
        rest = self._exchange.body.rest()
        while True:
            self._within(None)
            try:
                part = await anext(rest, None)
            except (Problem, ClientGone):
                # The answer may have begun, and would never learn of it.
                self._within(0)
                raise
            self._within(_ANSWER_WITHIN_S)
            if part is None:
                break
            yield part
        self._exchange.departure.watch(self._client_left)

    async def _relay(self, answer: Answer) -> None:
        exchange = self._exchange
        await exchange.start(answer.status, headers.returned(answer.status, answer.headers))
        left = answer.length
        while chunk := await answer.read():
            self._within(_READ_WITHIN_S)
            left -= len(chunk)
            if left == 0:
                # Known to be the last: one message less than to find out.
                await exchange.finish(chunk)
                return
            await exchange.write(chunk)
            self._within(_ANSWER_WITHIN_S)
        await exchange.finish()

    def _client_left(self) -> None:
        self.client_gone = True
        self._within(0)

    def _within(self, seconds: float | None) -> None:
        """When the present wait ends; None while another deadline holds, the client's own."""
        if self._deadline is not None:
            now = asyncio.get_running_loop().time()
            self._deadline.reschedule(None if seconds is None else now + seconds)
