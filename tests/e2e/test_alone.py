"""Ticketing sells on its own: with auth, catalog and RabbitMQ gone, tickets are booked and paid."""

import asyncio
import os
import signal

import pytest

from tests.e2e.conftest import Client, Suite

pytestmark = pytest.mark.own_suite

ABSENT = ("auth-api", "auth-worker", "catalog-api", "catalog-worker", "rabbitmq")


async def test_selling_goes_on_without_the_others(
    suite: Suite, staff: Client, customer: Client
) -> None:
    session = await staff.session()
    pids = {name: suite.pids()[name] for name in ABSENT}
    # Frozen is worse than dead: the process manager does not bring them back.
    for pid in pids.values():
        os.kill(pid, signal.SIGSTOP)
    try:
        seats = [{"session": session, "row": 1, "seat": seat} for seat in range(1, 6)]
        for seat in seats:
            status, ticket = await customer.call("POST", "book/", seat)
            assert status == 201
            assert (await customer.call("PATCH", f"pay/{ticket['id']}/"))[0] == 200
        status, problem = await customer.call("GET", "current_user/")
        assert (status, problem["code"]) == (503, "service_unavailable")
    finally:
        for pid in pids.values():
            os.kill(pid, signal.SIGCONT)
    # And when they are back, they hear of it.
    await customer.until(
        f"session/{session}/",
        lambda status, body: status == 200 and body["seats_taken"] == len(seats),
        seconds=30,
    )


async def test_a_session_cannot_be_changed_while_ticketing_cannot_be_asked(
    suite: Suite, staff: Client, customer: Client
) -> None:
    session = await staff.session()
    worker = suite.pids()["ticketing-worker-1"]
    os.kill(worker, signal.SIGSTOP)
    try:
        status, problem = await staff.call("DELETE", f"session/{session}/")
        assert (status, problem["code"]) == (503, "service_unavailable")
    finally:
        os.kill(worker, signal.SIGCONT)
    assert (await staff.call("GET", f"session/{session}/"))[0] == 200
    # Whatever became of the question, the session is sold again.
    seat = {"session": session, "row": 1, "seat": 1}
    async with asyncio.timeout(15):
        while (await customer.call("POST", "book/", seat))[0] != 201:
            await asyncio.sleep(0.1)
