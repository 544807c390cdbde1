"""`livez`: the process runs. `readyz`: it can do its work, and is not about to stop."""

import json
from collections.abc import Mapping

from cinema_shared.tokens import Trust

from gateway.drain import Drain
from gateway.exchange import Exchange
from gateway.headers import Pairs
from gateway.upstreams import Upstream

_JSON: Pairs = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


async def livez(exchange: Exchange) -> None:
    await _say(exchange, 200, {"status": "ok"})


class Readiness:
    def __init__(self, trust: Trust, upstreams: Mapping[str, Upstream], drain: Drain) -> None:
        self._trust = trust
        self._upstreams = upstreams
        self._drain = drain

    async def __call__(self, exchange: Exchange) -> None:
        missing = [name for name, upstream in self._upstreams.items() if not upstream.ready]
        if not self._trust.ready:
            missing.append("keys")
        if self._drain.draining:
            await _say(exchange, 503, {"status": "stopping"})
        elif missing:
            await _say(exchange, 503, {"status": "unready", "missing": missing})
        else:
            await _say(exchange, 200, {"status": "ready"})


async def _say(exchange: Exchange, status: int, document: Mapping[str, object]) -> None:
    await exchange.answer(status, _JSON, json.dumps(document).encode())
