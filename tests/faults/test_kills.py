"""Auth, catalog or the gateway killed: who goes on, and how soon all do."""

import asyncio
import os
import signal
import time

import pytest

from tests.faults.private import Suite
from tests.faults.programme import SEATS
from tests.faults.stage import whole_afterwards

pytestmark = [pytest.mark.own_suite, pytest.mark.timeout(180)]

# The contract's times, and what a busy machine may add to each.
WHOLE_WITHIN_S = 10.0
GATEWAY_WITHIN_S = 3.0
SLACK_S = 15.0


async def test_auth_and_catalog(faulty_suite: Suite) -> None:
    """Selling needs neither: tokens that were issued go on working."""
    names = ("auth-api", "catalog-api")
    async with whole_afterwards(faulty_suite) as on:
        pids = [faulty_suite.pid(name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        asked = [await on.log_in(), await on.anna.programme()]
        for call in asked:
            assert (call.status, call.code) == (503, "service_unavailable"), call
            assert call.end - call.start < 2.0, call
        for seat in SEATS[:3]:
            ticket = await on.anna.sold(seat)
            assert (await on.anna.pay(ticket)).outcome == "ok"
        async with asyncio.timeout(WHOLE_WITHIN_S + SLACK_S):
            for ask in (on.log_in, on.anna.programme):
                while (await ask()).outcome != "ok":
                    await asyncio.sleep(0.1)


async def test_the_gateway(faulty_suite: Suite) -> None:
    """It has no state that could be lost: what was held and sold before is so afterwards."""
    async with whole_afterwards(faulty_suite) as on:
        hold = await on.bert.hold(SEATS[1])
        ticket = await on.anna.sold(SEATS[0])
        os.kill(faulty_suite.pid("gateway"), signal.SIGKILL)
        killed = time.monotonic()
        while (await on.anna.tickets()).outcome != "ok":
            await asyncio.sleep(0.05)
        assert time.monotonic() - killed < GATEWAY_WITHIN_S + SLACK_S
        assert (await on.anna.pay(ticket)).outcome == "ok"
        assert (await on.bert.book_hold(hold)).outcome == "ok"
