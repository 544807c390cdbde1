"""One document for the whole API, and a page that shows it to people."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import structlog
from cinema_shared.problems import Problem

from gateway.client import Client
from gateway.connection import Unreachable
from gateway.docs.merge import merge
from gateway.docs.page import STYLE, render
from gateway.exchange import Exchange
from gateway.headers import Pairs
from gateway.upstreams import Upstream

log = structlog.get_logger(__name__)

_FRESH_FOR_S: Final = 30.0
# While a service has not shown its document yet.
_INCOMPLETE_FOR_S: Final = 1.0
_FETCH_WITHIN_S: Final = 2.0

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest())
_PAGE_HEADERS: Final[Pairs] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'; style-src 'sha256-" + _STYLE_HASH + b"'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class Documentation:
    """Asks the services for their documents when somebody wants to read, and keeps the answers.

    A service that is away is shown as it was last seen.
    """

    def __init__(self, client: Client, upstreams: Mapping[str, Upstream]) -> None:
        self._client = client
        self._upstreams = upstreams
        self._documents: dict[str, dict[str, Any]] = {}
        self._fresh_until = float("-inf")
        self._lock = asyncio.Lock()
        self._text = self._page = b""

    async def openapi(self, exchange: Exchange) -> None:
        await self._refresh()
        await exchange.answer(200, [(b"content-type", b"application/json")], self._text)

    async def page(self, exchange: Exchange) -> None:
        await self._refresh()
        await exchange.answer(200, _PAGE_HEADERS, self._page)

    async def _refresh(self) -> None:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now < self._fresh_until:
                return
            await asyncio.gather(*map(self._fetch, self._upstreams.values()))
            document = merge(self._documents)
            self._text = json.dumps(document).encode()
            self._page = render(document).encode()
            complete = len(self._documents) == len(self._upstreams)
            self._fresh_until = now + (_FRESH_FOR_S if complete else _INCOMPLETE_FOR_S)

    async def _fetch(self, upstream: Upstream) -> None:
        try:
            address = upstream.pick().address
            status, content = await self._client.get(address, "/openapi.json", _FETCH_WITHIN_S)
        except (Unreachable, Problem) as error:
            log.warning("no_document", upstream=upstream.name, error=repr(error))
        else:
            if status == 200:
                self._documents[upstream.name] = json.loads(content)
