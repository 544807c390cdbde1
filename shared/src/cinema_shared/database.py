"""PostgreSQL: one pool a process, one transaction a request, and a deadline on everything.

None of these deadlines has a default in the libraries: a server that is frozen, a lock that is
never freed and a pool that is empty would each hold a request for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

import asyncpg
from fastapi import Depends
from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from starlette.requests import Request

LOCK_TIMEOUT_MS: Final = 2000
STATEMENT_TIMEOUT_MS: Final = 2500
COMMAND_TIMEOUT_S: Final = 3.0
_CONNECT_TIMEOUT_S: Final = 1.0
_POOL_TIMEOUT_S: Final = 1.0
_FAREWELL_S: Final = 0.3
# How long a client may think in the middle of a transaction. One that freezes there loses it.
API_IDLE_TIMEOUT_MS: Final = 2000
# Workers publish, or ask another service, inside a transaction.
WORKER_IDLE_TIMEOUT_MS: Final = 10_000

_PASSING = (
    "08",  # connection
    "53",  # out of connections, memory, disk
    "57",  # cancelled, shutting down, starting up
    "55P03",  # lock not available in time
    "40001",  # serialization failure
    "40P01",  # deadlock
    "25P03",  # idle in transaction for too long
    "25006",  # read-only: a primary that has been demoted
)


def is_outage(error: BaseException) -> bool:
    """Whether this says that a dependency is away for now, not that we asked for nonsense."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        return (
            error.connection_invalidated
            or isinstance(error, InterfaceError)
            or isinstance(error.orig, OSError)
            or bool(state and state.startswith(_PASSING))
        )
    return isinstance(error, OSError | PoolTimeout | asyncpg.PostgresConnectionError)


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """SQLAlchemy grants a server two seconds for a farewell. A frozen one has had its time."""
        await super().close(timeout=min(timeout or _FAREWELL_S, _FAREWELL_S))


class Database:
    """One service's own database."""

    def __init__(
        self,
        url: str,
        *,
        application: str,
        pool_size: int = 10,
        idle_timeout_ms: int = WORKER_IDLE_TIMEOUT_MS,
    ) -> None:
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_POOL_TIMEOUT_S,
            pool_use_lifo=True,
            # The text of an error is logged, and the parameters hold what no log may.
            hide_parameters=True,
            connect_args={
                "connection_class": _Connection,
                "timeout": _CONNECT_TIMEOUT_S,
                "command_timeout": COMMAND_TIMEOUT_S,
                "server_settings": {
                    "application_name": application,
                    "lock_timeout": str(LOCK_TIMEOUT_MS),
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(idle_timeout_ms),
                },
            },
        )
        event.listen(self.engine.sync_engine, "handle_error", _forget_the_row)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commits when the block ends, rolls back when it raises."""
        async with self.engine.connect() as connection:
            transaction = await connection.begin()
            try:
                yield connection
                await transaction.commit()
            except (TimeoutError, asyncio.CancelledError):
                # The server is frozen, or we were in the middle of something: a polite rollback
                # would wait for it again. The connection is thrown away instead.
                await connection.invalidate()
                raise
            except BaseException:
                await transaction.rollback()
                raise

    async def ping(self) -> None:
        """Raise where the server does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()


def _forget_the_row(context: ExceptionContext) -> None:
    """Whose row broke a rule is in PostgreSQL's DETAIL: an email address, as likely as not."""
    cause = context.original_exception.__cause__
    if isinstance(cause, asyncpg.PostgresError):
        cause.detail = None


def plain_url(url: str) -> str:
    """The address for asyncpg itself."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def sqlalchemy_url(url: str) -> str:
    """The same address with the driver that we use; `postgresql://` is what operators write."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


async def _open_transaction(request: Request) -> AsyncIterator[AsyncConnection]:
    database: Database = request.app.state.database
    async with database.transaction() as connection:
        yield connection


Transaction = Annotated[
    AsyncConnection,
    # scope="function": the commit comes before the answer. The default commits after the client
    # was told that all is well.
    Depends(_open_transaction, scope="function"),
]

__all__ = ["Database", "Transaction", "is_outage", "sqlalchemy_url"]
