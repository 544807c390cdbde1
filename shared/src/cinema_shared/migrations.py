"""Schema changes: one Alembic environment a service, run as a one-shot job before a rollout."""

import asyncio
from pathlib import Path
from typing import Final

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from cinema_shared.database import sqlalchemy_url

# A migration that waits for a lock makes everybody behind it wait too: it gives up instead.
_LOCK_TIMEOUT: Final = "5s"
_ONE_AT_A_TIME: Final = 7_461_002


def config(folder: Path, database_url: str) -> Config:
    """Alembic's configuration for the environment in `folder`."""
    settings = Config()
    settings.set_main_option("script_location", str(folder))
    settings.attributes["database_url"] = database_url
    return settings


def upgrade(folder: Path, database_url: str, revision: str = "head") -> None:
    command.upgrade(config(folder, database_url), revision)


def downgrade(folder: Path, database_url: str, revision: str = "base") -> None:
    command.downgrade(config(folder, database_url), revision)


def execute(script: str) -> None:
    """Run several SQL statements, in the migration's own transaction.

    `op.execute` prepares what it is given, and PostgreSQL prepares one statement at a time.
    """
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None  # noqa: S101
    connection.run_async(lambda driver: driver.execute(script))


def run() -> None:
    """The body of each environment's `env.py`."""
    asyncio.run(_run(context.config.attributes["database_url"]))


async def _run(database_url: str) -> None:
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate)
            await connection.commit()
    finally:
        await engine.dispose()


def _migrate(connection: Connection) -> None:
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
