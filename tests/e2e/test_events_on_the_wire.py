"""Each event is published as in tests/golden/events: body, AMQP properties and headers.

Ids and times apart.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aio_pika
import aiohttp
import asyncpg
import pytest
from aio_pika.abc import AbstractIncomingMessage
from cinema_shared.events.registry import EVENTS
from cinema_shared.messaging import topology

from tests.e2e import wire
from tests.e2e.conftest import Client, Suite, free_port

pytestmark = pytest.mark.own_suite

SECONDS_TO_HEAR = 30


@asynccontextmanager
async def listening(suite: Suite) -> AsyncIterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    async def hear(message: AbstractIncomingMessage) -> None:
        heard.append(wire.on_the_wire(message))

    async with await aio_pika.connect(suite.settings["RABBITMQ_URL"]) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(topology.EVENTS, "#")
        await queue.consume(hear, no_ack=True)
        yield heard


@asynccontextmanager
async def hasty_replica(suite: Suite) -> AsyncIterator[str]:
    """Of ticketing, whose holds last a second."""
    port = free_port()
    processes = dict(line.split()[::2] for line in suite.run("ps").splitlines())
    settings = suite.settings | {
        "PORT": str(port),
        "HOLD_DURATION_S": "1",
        "AUTH_URL": processes["auth-api"],
        "LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ticketing_service", "api"),
        env=os.environ | settings,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await listens(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def listens(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)


async def test_what_is_published_is_what_was_agreed(
    suite: Suite, staff: Client, customer: Client, http: aiohttp.ClientSession
) -> None:
    async with listening(suite) as heard, hasty_replica(suite) as hasty:
        subjects = {
            *await holds(staff, customer, Client(Suite({"GATEWAY_URL": hasty}, None), http)),
            *await accounts(staff, customer),
            *await programme(staff),
            *await tickets(suite, staff, customer),
        }
        wanted = {event.type for event in EVENTS}
        # The first of each type: a subject may be changed more than once on its way.
        first: dict[str, dict[str, Any]] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_HEAR):
                while not wanted <= first.keys():
                    await asyncio.sleep(0.1)
                    first = {
                        seen["body"]["type"]: seen
                        for seen in reversed(heard)
                        if seen["body"]["subject"] in subjects
                    }
    assert wanted <= first.keys(), f"never heard: {wanted - first.keys()}"
    for seen in heard:
        wire.check(seen)
    for name in sorted(wanted):
        assert wire.lasting(first[name]) == wire.lasting(wire.golden(name)), (
            f"{name} is not published as agreed, but: {json.dumps(first[name], indent=2)}"
        )


async def accounts(staff: Client, customer: Client) -> list[str]:
    account = {"username": "greta", "email": "greta@example.org", "password": "six-black-ravens"}
    _, greta = await customer.call("POST", "register/", account)
    await expect(200, staff, "PATCH", f"user/{greta['id']}/", {"is_staff": True})
    return [f"user/{greta['id']}"]


async def programme(staff: Client) -> list[str]:
    hall = await expect(
        201, staff, "POST", "hall/", {"name": "Attic", "row_count": 3, "seat_count": 5}
    )
    await expect(200, staff, "PATCH", f"hall/{hall['id']}/", {"name": "Under the roof"})
    await expect(204, staff, "DELETE", f"hall/{hall['id']}/")
    movie = await expect(
        201, staff, "POST", "movie/", {"name": "Nosferatu", "duration": "00:05:00"}
    )
    session = await staff.session(movie=movie["id"], hall=2)
    await expect(200, staff, "PATCH", f"session/{session}/", {"price": "11.00"})
    await expect(204, staff, "DELETE", f"session/{session}/")
    await expect(200, staff, "PATCH", f"movie/{movie['id']}/", {"duration": "01:34:00"})
    await expect(204, staff, "DELETE", f"movie/{movie['id']}/")
    return [f"hall/{hall['id']}", f"movie/{movie['id']}", f"session/{session}"]


async def tickets(suite: Suite, staff: Client, customer: Client) -> list[str]:
    movie = await expect(201, staff, "POST", "movie/", {"name": "Faust", "duration": "00:05:00"})
    session = await staff.session(movie=movie["id"], hall=3, price="9.50")
    paid, cancelled, unpaid = [
        (
            await expect(
                201, customer, "POST", "book/", {"session": session, "row": 4, "seat": seat}
            )
        )["id"]
        for seat in (1, 2, 3)
    ]
    await expect(200, customer, "PATCH", f"pay/{paid}/")
    await expect(204, customer, "DELETE", f"ticket/{cancelled}/")
    # Time passes.
    database = await asyncpg.connect(suite.settings["TICKETING_DATABASE_URL"])
    await database.execute(
        "UPDATE screenings SET starts_at = now() + interval '1 hour' WHERE id = $1", session
    )
    await database.close()
    return [f"ticket/{number}" for number in (paid, cancelled, unpaid)]


async def holds(staff: Client, customer: Client, hasty: Client) -> list[str]:
    """One that is given back, and one that runs out."""
    session = await staff.session()
    basket = {"session": session, "seats": [{"row": 6, "seat": 7}, {"row": 6, "seat": 8}]}
    released = await expect(201, customer, "POST", "hold/", basket)
    await expect(204, customer, "DELETE", f"hold/{released['id']}/")
    hasty.token = customer.token
    await hasty.until("readyz", lambda status, _: status == 200, seconds=30)
    expiring = await expect(201, hasty, "POST", "hold/", basket)
    return [f"hold/{released['id']}", f"hold/{expiring['id']}"]


async def expect(wanted: int, client: Client, method: str, path: str, body: Any = None) -> Any:
    status, answer = await client.call(method, path, body)
    assert status == wanted, answer
    return answer
