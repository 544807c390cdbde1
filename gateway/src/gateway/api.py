"""The gateway: the one entrance. From a request to its answer, in the order of `_serve`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from cinema_shared import logs
from cinema_shared.problems import Problem
from cinema_shared.tokens import AuthServiceSource, Trust, TrustSource, Verifier
from starlette.types import Receive, Scope, Send

from gateway import edge, health, lifespan, proxy, routes
from gateway.body import ClientGone
from gateway.client import Client
from gateway.cors import Cors
from gateway.discovery import Discovery
from gateway.docs import Documentation
from gateway.drain import Drain
from gateway.exchange import Exchange
from gateway.identity import check_caller
from gateway.settings import Settings
from gateway.upstreams import Upstream

log = structlog.get_logger(__name__)


def create(settings: Settings | None = None, trust_source: TrustSource | None = None) -> "Gateway":
    """The application that uvicorn serves."""
    settings = settings or Settings()
    logs.configure("gateway", settings.log_format, settings.log_level)
    return Gateway(settings, trust_source)


class Gateway:
    def __init__(self, settings: Settings, trust_source: TrustSource | None) -> None:
        self._settings = settings
        self._upstreams = {
            routes.AUTH: Upstream(routes.AUTH, settings.auth_url),
            routes.CATALOG: Upstream(routes.CATALOG, settings.catalog_url),
            routes.TICKETING: Upstream(routes.TICKETING, settings.ticketing_url),
        }
        self._cors = Cors(settings.cors_origins)
        self._drain = Drain(settings.drain_seconds)
        self._trust_source = trust_source
        self._verifier: Verifier
        self._client: Client
        self._own: dict[str, Callable[[Exchange], Awaitable[None]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(Exchange(scope, receive, send))
        elif scope["type"] == "lifespan":
            await lifespan.live(receive, send, self._resources())

    @asynccontextmanager
    async def _resources(self) -> AsyncIterator[None]:
        settings = self._settings
        trust = Trust(
            self._trust_source or AuthServiceSource(",".join(a.url for a in settings.auth_url))
        )
        self._verifier = Verifier(
            trust, issuer=settings.token_issuer, audience=settings.token_audience
        )
        self._client = Client()
        documentation = Documentation(self._client, self._upstreams)
        self._own = {
            "livez": health.livez,
            "readyz": health.Readiness(trust, self._upstreams, self._drain),
            "openapi.json": documentation.openapi,
            "docs": documentation.page,
        }
        discovery = Discovery(self._client, self._upstreams.values())
        await discovery.look()
        tasks = [asyncio.create_task(trust.run()), asyncio.create_task(discovery.run())]
        self._drain.install()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await self._client.close()

    async def _answer(self, exchange: Exchange) -> None:
        exchange.closing = self._drain.draining
        exchange.answer_headers += self._cors.answer_headers(exchange.head)
        try:
            await self._serve(exchange)
        except Problem as problem:
            if not exchange.started:
                await exchange.refuse(problem)
        except ClientGone:
            pass
        except Exception:
            log.exception("unexpected_error", method=exchange.method)
            if not exchange.started:
                await exchange.refuse(Problem())

    async def _serve(self, exchange: Exchange) -> None:
        edge.check_target(exchange.path, exchange.query, exchange.target)
        edge.check_head(exchange.head, exchange.http_version)
        exchange.body.length = edge.body_length(exchange.head)
        route = routes.find(exchange.path)
        if self._cors.is_preflight(exchange.method, exchange.head):
            await exchange.answer(204, self._cors.preflight_headers(route.allow))
            return
        needed = routes.needs_user(route, exchange.method)
        check_caller(self._verifier, route, exchange.head, needed=needed)
        if route.upstream == routes.OWN:
            await self._own[route.pattern](exchange)
        else:
            upstream = self._upstreams[route.upstream]
            await proxy.forward(self._client, exchange, upstream, first=route.goes_first)
