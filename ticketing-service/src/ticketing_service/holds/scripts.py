"""Redis, and the scripts that run in it."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from cinema_shared.problems import ServiceUnavailable
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

# A frozen server must not hold a request: with its defaults the client tries for a minute.
_TIMEOUT_S: Final = 0.5
_CONNECTIONS: Final = 50
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
    }
    if url.startswith(_CLUSTER):
        nodes = url.replace(_CLUSTER, "redis://", 1)
        return RedisCluster.from_url(nodes, max_connections=_CONNECTIONS, **timeouts)
    pool = BlockingConnectionPool.from_url(
        url, max_connections=_CONNECTIONS, timeout=_TIMEOUT_S, **timeouts
    )
    return Redis(connection_pool=pool)


@cache
def _source(name: str) -> tuple[str, str]:
    folder = resources.files("ticketing_service.holds") / "lua"
    text = (folder / "prelude.lua").read_text() + (folder / f"{name}.lua").read_text()
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def run(redis: Client, name: str, keys: Sequence[str], *arguments: str | int) -> list[Any]:
    """The answer of a script: a list whose first word says what happened.

    Raises `SeatsUnreachable` where there is no answer; whether it ran is then unknown.
    """
    text, digest = _source(name)
    try:
        try:
            answer = await redis.evalsha(digest, len(keys), *keys, *map(str, arguments))
        except NoScriptError:
            answer = await redis.eval(text, len(keys), *keys, *map(str, arguments))
    except (RedisError, OSError) as error:
        raise SeatsUnreachable from error
    return list(answer)
