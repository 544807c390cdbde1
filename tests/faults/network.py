"""The suite with a proxy on each of the ways that a request, or an event, may go."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields

from tests.faults.plans import amended, told
from tests.faults.private import Suite
from tests.support.proxy import Proxy, proxy

REPLICAS = ("1", "2")


@dataclass(frozen=True)
class Network:
    """From ticketing's processes to each server; from the gateway to each service."""

    postgres: Proxy
    workers_postgres: Proxy
    redis: Proxy
    rabbitmq: Proxy
    ticketing: tuple[Proxy, ...]
    auth: Proxy
    catalog: Proxy

    def repair(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            for between in value if isinstance(value, tuple) else (value,):
                between.delay_s = 0.0
                between.halves = False
                between.thaw()


@asynccontextmanager
async def network(suite: Suite) -> AsyncIterator[Network]:
    settings, processes = suite.settings, suite.processes()
    async with AsyncExitStack() as stack:

        async def before(url: str) -> Proxy:
            return await stack.enter_async_context(proxy(url))

        between = Network(
            postgres=await before(settings["TICKETING_DATABASE_URL"]),
            workers_postgres=await before(settings["TICKETING_DATABASE_URL"]),
            redis=await before(settings["REDIS_URL"]),
            rabbitmq=await before(settings["RABBITMQ_URL"]),
            ticketing=tuple(
                [await before(processes[f"ticketing-api-{number}"][1]) for number in REPLICAS]
            ),
            auth=await before(processes["auth-api"][1]),
            catalog=await before(processes["catalog-api"][1]),
        )
        servers = {"REDIS_URL": between.redis.url, "RABBITMQ_URL": between.rabbitmq.url}
        api = told(**servers, TICKETING_DATABASE_URL=between.postgres.url)
        worker = told(**servers, TICKETING_DATABASE_URL=between.workers_postgres.url)
        gateway = told(
            TICKETING_URL=",".join(replica.url for replica in between.ticketing),
            AUTH_URL=between.auth.url,
            CATALOG_URL=between.catalog.url,
        )
        changes = {f"ticketing-api-{number}": api for number in REPLICAS}
        changes |= {f"ticketing-worker-{number}": worker for number in REPLICAS}
        async with amended(suite, changes | {"gateway": gateway}):
            try:
                yield between
            finally:
                between.repair()
