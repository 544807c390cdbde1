"""x"""

from collections.abc import Mapping

from gateway.client import Client
from gateway.exchange import Exchange
from gateway.upstreams import Upstream


class Documentation:
    def __init__(self, client: Client, upstreams: Mapping[str, Upstream]) -> None:
        pass

    async def openapi(self, exchange: Exchange) -> None:
        await exchange.answer(200, [], b"{}")

    async def page(self, exchange: Exchange) -> None:
        await exchange.answer(200, [], b"{}")
