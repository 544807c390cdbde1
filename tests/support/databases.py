"""Fresh databases on the test's PostgreSQL server."""

import asyncio
import secrets
from importlib import import_module
from pathlib import Path

import asyncpg
from cinema_shared import migrations


async def create(postgres_url: str, name: str) -> str:
    """The URL of a new, empty database whose name starts with `name`."""
    database = f"{name}_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f'CREATE DATABASE "{database}"')
    finally:
        await connection.close()
    return f"{postgres_url.rsplit('/', 1)[0]}/{database}"


async def migrate(service: str, database_url: str) -> None:
    """Bring a database to a service's newest schema."""
    package = import_module(service)
    assert package.__file__
    folder = Path(package.__file__).parent / "migrations"
    # Alembic's environment starts an event loop of its own.
    await asyncio.to_thread(migrations.upgrade, folder, database_url)
