"""PostgreSQL's NOTIFY: tells at once what polling would find later.

A connection of its own, straight to the server: a pooler in transaction mode does not pass
notifications on. Without it all still works, at the pace of the polling.
"""

import asyncio
from typing import Final

import asyncpg
import structlog

from cinema_shared.database import plain_url

log = structlog.get_logger(__name__)

_CHECK_EVERY_S: Final = 10
_TIMEOUT_S: Final = 2


async def listen(database_url: str, channel: str, wake: asyncio.Event) -> None:
    """Set `wake` at each notification, until cancelled. A lost connection is opened again."""
    while True:
        connection: asyncpg.Connection | None = None
        try:
            connection = await asyncpg.connect(plain_url(database_url), timeout=_TIMEOUT_S)
            await connection.add_listener(channel, lambda *_: wake.set())
            wake.set()  # for what was missed meanwhile
            while True:
                await asyncio.sleep(_CHECK_EVERY_S)
                await connection.execute("SELECT 1", timeout=_TIMEOUT_S)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("listener_lost", channel=channel, error=repr(error))
            await asyncio.sleep(1)
        finally:
            if connection is not None:
                connection.terminate()
