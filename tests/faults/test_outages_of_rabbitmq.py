"""RabbitMQ away, frozen, or emptied: every call succeeds, and all is heard of afterwards."""

import asyncio
import os
import shutil
import signal
from typing import Any

import asyncpg
import pytest

from tests.faults.private import Suite
from tests.faults.processes import frozen, has_connection_from
from tests.faults.programme import SEATS
from tests.faults.stage import whole_afterwards

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(180)]

_RELAY_LOCK = 7_461_001


async def connect(suite: Suite) -> Any:
    return await asyncpg.connect(suite.settings["TICKETING_DATABASE_URL"])


async def test_rabbitmq_killed_and_emptied(faulty_suite: Suite) -> None:
    """Every call succeeds; what the outbox has gathered is heard when the broker is back, though
    it has come back without any exchange or queue.
    """
    async with whole_afterwards(faulty_suite) as on:
        # Nobody's events are on their way: those would be lost with it.
        assert await on.violations() == []
        os.kill(faulty_suite.pid("rabbitmq"), signal.SIGKILL)
        for _ in range(20):  # it is already starting again
            shutil.rmtree(faulty_suite.folder / "run/rabbitmq/data", ignore_errors=True)
            await asyncio.sleep(0.02)
        for seat in SEATS[:10]:
            ticket = await on.anna.sold(seat)
            assert (await on.anna.pay(ticket)).outcome == "ok"


async def test_rabbitmq_frozen(faulty_suite: Suite) -> None:
    async with whole_afterwards(faulty_suite) as on:
        with frozen(faulty_suite.pid("rabbitmq")):
            for seat in SEATS[:10]:
                ticket = await on.anna.sold(seat)
                assert (await on.anna.cancel(ticket)).outcome == "ok"
                await asyncio.sleep(1.2)


async def test_a_worker_frozen_in_the_middle_of_relaying(faulty_suite: Suite) -> None:
    """The database takes the relay's lock from it, and another worker goes on."""
    async with whole_afterwards(faulty_suite) as on:
        connection = await connect(faulty_suite)
        try:
            with frozen(faulty_suite.pid("rabbitmq")):
                await on.anna.book(SEATS[0])
                worker = await _who_relays(faulty_suite, connection)
                os.kill(worker, signal.SIGSTOP)
            try:
                async with asyncio.timeout(25):
                    while await connection.fetchval("SELECT count(*) FROM outbox"):
                        await asyncio.sleep(0.2)
            finally:
                os.kill(worker, signal.SIGCONT)
        finally:
            await connection.close()


async def _who_relays(suite: Suite, connection: Any) -> int:
    workers = [
        pid
        for name, (pid, _) in suite.processes().items()
        if name.startswith("ticketing-worker") and pid
    ]
    async with asyncio.timeout(15):
        while True:
            port = await connection.fetchval(
                "SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE locktype = 'advisory' AND objid = $1",
                _RELAY_LOCK,
            )
            for pid in workers if port else ():
                if has_connection_from(pid, port):
                    return pid
            await asyncio.sleep(0.02)
