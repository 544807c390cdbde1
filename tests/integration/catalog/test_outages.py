"""With RabbitMQ or PostgreSQL away or frozen: 503 in time, and whole again afterwards."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from catalog_service import api

from tests.integration.catalog.conftest import Catalog
from tests.integration.catalog.ticketing_double import TicketingDouble
from tests.support import http
from tests.support.proxy import Proxy, proxy


@pytest.fixture
async def rabbitmq(catalog: Catalog) -> AsyncIterator[Proxy]:
    async with proxy(catalog.settings.rabbitmq_url) as between:
        yield between


@pytest.fixture
async def postgres(catalog: Catalog) -> AsyncIterator[Proxy]:
    async with proxy(catalog.settings.catalog_database_url) as between:
        yield between


@pytest.fixture
async def other(catalog: Catalog, rabbitmq: Proxy, postgres: Proxy) -> AsyncIterator[Catalog]:
    """Another replica of the same catalog, whose servers can be taken away."""
    settings = catalog.settings.model_copy(
        update={"rabbitmq_url": rabbitmq.url, "catalog_database_url": postgres.url}
    )
    async with http.serve(api.create(settings, catalog.issuer)) as url:
        replica = replace(catalog, url=url)
        while (await replica.call("GET", "readyz", role="anybody"))[0] != 200:
            pass
        yield replica
        rabbitmq.thaw()
        postgres.thaw()


async def timed(work: Any) -> tuple[float, Any]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    answer = await work
    return loop.time() - started, answer


@pytest.mark.parametrize("how", ["away", "frozen"])
async def test_without_rabbitmq_only_changes_of_sessions_wait(
    other: Catalog, ticketing: TicketingDouble, rabbitmq: Proxy, how: str
) -> None:
    session = await other.session()
    path = f"session/{session['id']}"
    assert (await other.call("PATCH", path, {"price": 1}))[0] == 200
    if how == "away":
        await rabbitmq.stop()
    else:
        rabbitmq.freeze()

    seconds, (status, problem, headers) = await timed(other.exchange("DELETE", path))
    assert (status, problem["code"]) == (503, "service_unavailable")
    assert headers["Retry-After"] == "1"
    assert seconds < 2
    new = await other.session()
    assert (await other.call("GET", f"session/{new['id']}"))[0] == 200
    assert (await other.call("GET", "readyz"))[0] == 200

    if how == "away":
        await rabbitmq.start()
    else:
        rabbitmq.thaw()
    assert (await other.call("PATCH", path, {"price": 2}))[0] == 200
    # The version was counted up by the refusal too, as what was asked may have arrived.
    assert await other.events(path) == [("created", 1), *(("changed", n) for n in (2, 3, 4))]


@pytest.mark.parametrize(("how", "limit"), [("away", 1.0), ("frozen", 4.0)])
async def test_without_postgresql_all_is_refused_in_time(
    other: Catalog, ticketing: TicketingDouble, postgres: Proxy, how: str, limit: float
) -> None:
    session = await other.session()
    if how == "away":
        await postgres.stop()
    else:
        postgres.freeze()
    path = f"session/{session['id']}"
    answers = await asyncio.gather(
        timed(other.call("GET", path)),
        timed(other.call("PATCH", path, {"price": 1})),
        timed(other.call("DELETE", path)),
        timed(other.call("POST", "movie/", {"name": "Never", "duration": "01:00:00"})),
        *(timed(other.call("GET", "session/")) for _ in range(20)),
    )
    for seconds, (status, problem) in answers:
        assert (status, problem["code"]) == (503, "service_unavailable")
        assert seconds < limit
    assert (await other.call("GET", "readyz"))[0] == 503
    assert (await other.call("GET", "livez"))[0] == 200

    if how == "away":
        await postgres.start()
    else:
        postgres.thaw()
    async with asyncio.timeout(3):
        while (await other.call("GET", path))[0] != 200:
            await asyncio.sleep(0.05)
    assert {
        status
        for status, _ in await asyncio.gather(*(other.call("GET", "session/") for _ in range(20)))
    } == {200}
    assert (await other.call("PATCH", path, {"price": 1}))[0] == 200
