"""Redis, and the scripts that run in it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib import resources
from typing import Any, Final

from cinema_shared.problems import ServiceUnavailable
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from ticketing_service.holds.cluster import Cluster

# A frozen server must not hold a request: with its defaults the client tries for a minute.
_TIMEOUT_S: Final = 0.8
# Waiting for a connection, making it, asking a cluster for its nodes: all in all no longer.
_DEADLINE_S: Final = 0.9
_CONNECTIONS: Final = 50
# Of each node. A cluster's client cannot wait for a free one; it refuses.
_CONNECTIONS_OF_CLUSTER: Final = 500
_CLUSTER: Final = "redis+cluster://"


Client = Redis | RedisCluster


class SeatsUnreachable(ServiceUnavailable):
    detail = "Seats cannot be held or booked just now; try again shortly."


def connect(url: str) -> Client:
    """A client for `redis://…`, `rediss://…`, or `redis+cluster://…` (any node of a cluster)."""
    timeouts: dict[str, Any] = {
        "socket_timeout": _TIMEOUT_S,
        "socket_connect_timeout": _TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        # With them, which are on by default, the pool hands out connections whose server has died.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if url.startswith(_CLUSTER):
        nodes = url.replace(_CLUSTER, "redis://", 1)
        return Cluster.from_url(
            nodes,
            max_connections=_CONNECTIONS_OF_CLUSTER,
            # A slot that has moved is looked for where it is now. To ask for all slots again, the
            # client would close every connection, those in use too.
            reinitialize_steps=0,
            **timeouts,
        )
    pool = BlockingConnectionPool.from_url(
        url, max_connections=_CONNECTIONS, timeout=_TIMEOUT_S, **timeouts
    )
    return Redis.from_pool(pool)


@cache
def _source(name: str) -> tuple[str, str]:
    folder = resources.files("ticketing_service.holds") / "lua"
    text = (folder / "prelude.lua").read_text() + (folder / f"{name}.lua").read_text()
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@asynccontextmanager
async def asking() -> AsyncIterator[None]:
    """Raises `SeatsUnreachable` where no answer comes in time."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            yield
    except (RedisError, RedisClusterException, OSError) as error:
        raise SeatsUnreachable from error


async def run(redis: Client, name: str, keys: Sequence[str], *arguments: str | int) -> list[Any]:
    """The answer of a script: a list whose first word says what happened.

    Raises `SeatsUnreachable` where there is no answer; whether it ran is then unknown.
    """
    text, digest = _source(name)
    async with asking():
        try:
            answer = await redis.evalsha(digest, len(keys), *keys, *map(str, arguments))
        except NoScriptError:
            answer = await redis.eval(text, len(keys), *keys, *map(str, arguments))
        return list(answer)
