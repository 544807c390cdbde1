"""Holds on a Redis Cluster: all that works on one server, and one node's trouble is its own."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.integration.ticketing.cluster import Cluster, Node, cluster
from tests.integration.ticketing.conftest import Ticketing, running

# A refusal for want of a node comes within a second; the rest is for a busy machine.
AT_ONCE_S: Final = 2.0
# Nor may a machine that is too busy for a deadline decide whether a node is well.
PATIENCE_S: Final = 5.0


@pytest.fixture(scope="session")
async def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
async def clustered(ticketing: Ticketing, redis_cluster: Cluster) -> AsyncIterator[Ticketing]:
    settings = ticketing.settings.model_copy(update={"redis_url": redis_cluster.url})
    async with running(settings, ticketing.issuer, ticketing.database) as service:
        yield service


async def sessions_on_each(service: Ticketing, redis: Cluster) -> dict[int, int]:
    """A session on each node, by the node's port."""
    found: dict[int, int] = {}
    while len(found) < len(redis.nodes):
        session = await service.put_on_sale()
        found[redis.node_of(session).port] = session
    return found


async def test_a_hold_and_all_that_can_be_done_with_it(
    clustered: Ticketing, redis_cluster: Cluster
) -> None:
    call = clustered.call
    for session in (await sessions_on_each(clustered, redis_cluster)).values():
        key = f"key-{session}"
        first = await clustered.hold(session, (1, 1), (1, 2), user=1, key=key)
        assert first[0] == 201
        assert await clustered.hold(session, (1, 1), (1, 2), user=1, key=key) == first
        status, problem = await clustered.hold(session, (1, 3), user=1, key=key)
        assert (status, problem["code"]) == (422, "idempotency_key_reused")
        status, problem = await clustered.hold(session, (1, 2), (1, 3), user=2)
        assert (status, problem["code"]) == (409, "seats_unavailable")
        path = f"/hold/{first[1]['id']}"
        assert await call("GET", path, user=1) == (200, first[1])
        assert (await call("PATCH", path, user=1))[0] == 200
        assert (await clustered.book(session, 1, 1, user=1))[0] == 201
        assert (await clustered.book(session, 1, 2, user=2))[0] == 409
        assert (await call("DELETE", path, user=1))[0] == 204
        _, second = await clustered.hold(session, (1, 2), (1, 3), user=2)
        status, tickets = await call("POST", "/book", user=2, json={"hold": second["id"]})
        assert (status, len(tickets)) == (201, 2)
        assert (await call("DELETE", f"/ticket/{tickets[0]['id']}", user=2))[0] == 204
        taken = await clustered.taken(session)
        assert [(seat["seat"], seat["state"]) for seat in taken] == [(1, "sold"), (3, "sold")]


async def test_more_at_once_than_one_server_has_connections(
    clustered: Ticketing, redis_cluster: Cluster
) -> None:
    sessions = await sessions_on_each(clustered, redis_cluster)
    answers = await asyncio.gather(
        *(
            decided(lambda s=session, u=user: clustered.hold(s, (1, 1 + u % 30), user=u))
            for session in sessions.values()
            for user in range(1, 61)
        )
    )
    statuses = [status for status, _ in answers]
    assert (statuses.count(201), statuses.count(409)) == (90, 90)


@pytest.mark.parametrize(
    ("stop", "resume"), [(signal.SIGKILL, None), (signal.SIGSTOP, signal.SIGCONT)]
)
async def test_one_node_is_away(
    clustered: Ticketing,
    redis_cluster: Cluster,
    stop: signal.Signals,
    resume: signal.Signals | None,
) -> None:
    sessions = await sessions_on_each(clustered, redis_cluster)
    for session in sessions.values():
        assert (await clustered.book(session, 1, 1, user=1))[0] == 201
    # The very one whose name the service was given.
    lost, *others = redis_cluster.nodes
    lost.send(stop)
    try:
        away = time.monotonic()
        while time.monotonic() < away + 4:  # the cluster notices meanwhile
            await one_is_away(clustered, sessions, lost, others)
    finally:
        if resume:
            lost.send(resume)
        else:
            lost.start()
    # A node that comes back waits for two seconds before it serves.
    async with asyncio.timeout(20):
        while (await clustered.hold(sessions[lost.port], (2, 1), user=1))[0] != 201:
            await asyncio.sleep(0.1)
        await redis_cluster.whole()
    for session in sessions.values():
        taken = await decided(lambda s=session: clustered.hold(s, (1, 1), user=2))
        assert taken[1]["code"] == "seats_unavailable"
        free = await decided(lambda s=session: clustered.hold(s, (2, 2), user=2))
        assert free[0] == 201
        sold = {"row": 1, "seat": 1, "state": "sold"}
        assert sold in await clustered.taken(session)


async def one_is_away(
    service: Ticketing, sessions: dict[int, int], lost: Node, others: list[Node]
) -> None:
    session = sessions[lost.port]
    at_once = [timed(service.hold(session, (3, 1), user=3)), timed(service.book(session, 3, 1))]
    for node in others:
        at_once += [
            decided(lambda s=sessions[node.port]: service.hold(s, (3, 1), user=3)),
            decided(lambda s=sessions[node.port]: service.book(s, 1, 1)),
        ]
    answers = await asyncio.gather(*at_once)
    assert [status for status, _ in answers[:2]] == [503, 503]
    for (status, hold), (refused, _) in zip(answers[2::2], answers[3::2], strict=True):
        assert (status, refused) == (201, 409)
        path = f"/hold/{hold['id']}"
        assert (await decided(lambda p=path: service.call("DELETE", p, user=3)))[0] == 204
    # Reading goes on.
    status, seats = await service.call("GET", f"/session/{session}/seats")
    assert (status, len(seats["taken"])) == (200, 1)


async def test_all_nodes_are_away(clustered: Ticketing, redis_cluster: Cluster) -> None:
    session = await clustered.put_on_sale()
    assert (await clustered.hold(session, (1, 1), user=1))[0] == 201
    for node in redis_cluster.nodes:
        node.send(signal.SIGSTOP)
    try:
        for _ in range(3):
            assert (await timed(clustered.hold(session, (1, 2), user=1)))[0] == 503
    finally:
        for node in redis_cluster.nodes:
            node.send(signal.SIGCONT)
    async with asyncio.timeout(20):
        while (await clustered.hold(session, (1, 2), user=1))[0] not in (201, 409):
            await asyncio.sleep(0.1)
        await redis_cluster.whole()


async def decided(call: Any) -> tuple[int, Any]:
    """The first answer that is not a 503."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await call())[0] == 503:
            await asyncio.sleep(0.05)
    return answer[0], answer[1]


async def timed(call: Any) -> tuple[int, Any]:
    start = time.monotonic()
    answer: tuple[int, Any] = await call
    assert time.monotonic() - start < AT_ONCE_S
    return answer
