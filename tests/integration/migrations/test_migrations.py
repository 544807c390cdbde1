"""Each service's schema: up, down and up again, and the same as its tables say."""

import asyncio
import sys
from importlib import import_module
from pathlib import Path

import asyncpg
import pytest
from cinema_shared import migrations

from tests.support import databases

SERVICES = ["auth_service", "catalog_service", "ticketing_service"]


async def schema(url: str) -> list[tuple[str, ...]]:
    """All columns, indexes, constraints and triggers, as text."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("""
            SELECT 'column', table_name, column_name, data_type, is_nullable
              FROM information_schema.columns WHERE table_schema = 'public'
            UNION ALL
            SELECT 'index', tablename, indexname, indexdef, '' FROM pg_indexes
             WHERE schemaname = 'public'
            UNION ALL
            SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), ''
              FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL
            SELECT 'trigger', tgrelid::regclass::text, tgname, '', '' FROM pg_trigger
             WHERE NOT tgisinternal
            ORDER BY 1, 2, 3""")
        return [tuple(row.values()) for row in rows if row["table_name"] != "alembic_version"]
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_up_down_and_up_again(postgres_url: str, service: str) -> None:
    url = await databases.create(postgres_url, service)
    package = import_module(service)
    assert package.__file__
    folder = Path(package.__file__).parent / "migrations"

    await asyncio.to_thread(migrations.upgrade, folder, url)
    first = await schema(url)
    assert {row[1] for row in first} >= {"outbox"}
    await asyncio.to_thread(migrations.downgrade, folder, url)
    assert await schema(url) == []
    await asyncio.to_thread(migrations.upgrade, folder, url)
    assert await schema(url) == first


@pytest.mark.parametrize("service", SERVICES)
async def test_replicas_may_migrate_at_the_same_time(postgres_url: str, service: str) -> None:
    url = await databases.create(postgres_url, service)
    package = import_module(service)
    assert package.__file__
    folder = Path(package.__file__).parent / "migrations"
    code = (
        "from cinema_shared import migrations; from pathlib import Path; "
        f"migrations.upgrade(Path({str(folder)!r}), {url!r})"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    for process in processes:
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
