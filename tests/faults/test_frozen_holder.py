"""Holders frozen past the end of their holds never book, and take nothing from the next ones.

In each round some holders book at one replica, whose times are a tenth of the real ones
(`quick_replica.py`), and which is frozen within the next milliseconds, until their holds and locks
have ended. Meanwhile each one's rival waits at another replica, an ordinary one, holds the seat as
soon as it is free, and books it. ROUNDS=… for more.
"""

import asyncio
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
import pytest
from cinema_shared.database import Database
from cinema_shared.events.envelope import Event
from sqlalchemy import text
from ticketing_service.holds import scripts
from ticketing_service.holds.consumers import SeatMarks
from ticketing_service.holds.locks import SeatLocks
from ticketing_service.screenings import service

from tests.e2e.conftest import free_port
from tests.integration.ticketing.conftest import session_data
from tests.support import databases
from tests.support.tokens import Issuer

HOLD_S: Final = 1.0
RIVALS_HOLD_S: Final = 5.0
MARGIN_S: Final = 1.5
HOLDERS: Final = 6
# A request takes about as long, and more on a busy machine.
BEGIN_WITHIN_S: Final = 0.03
FREEZE_WITHIN_S: Final = 0.12
QUICK: Final = {"QUICK_TIMES": "on", "HOLD_DURATION_S": str(HOLD_S)}
_TICKETS = text("SELECT screening_id, row_no, seat_no, user_id, booked_at FROM tickets ORDER BY id")
_EVENTS = text("SELECT id, body FROM outbox WHERE id > :last ORDER BY id")

Answer = tuple[int, Any]


@dataclass
class Replica:
    url: str
    process: subprocess.Popen[bytes]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@dataclass
class Holder:
    """What one holder, and his rival, were told."""

    user: int
    session: int
    seat: tuple[int, int]
    hold: str
    expires: datetime
    answer: str = ""
    rival: str = ""


@dataclass
class Stage:
    database: Database
    issuer: Issuer
    client: aiohttp.ClientSession
    environment: dict[str, str]
    marks: SeatMarks
    holders: list[Holder] = field(default_factory=list)
    over: bool = False

    async def call(self, replica: Replica, user: int, path: str, body: Any) -> Answer:
        headers = self.issuer.bearer(user)
        async with self.client.post(replica.url + path, json=body, headers=headers) as response:
            return response.status, await response.json()

    @asynccontextmanager
    async def replica(self, **environment: str) -> AsyncIterator[Replica]:
        port = free_port()
        process = start(self.environment | environment | {"PORT": str(port)})
        replica = Replica(f"http://127.0.0.1:{port}", process)
        try:
            while not await self._is_ready(replica):
                assert process.poll() is None
                await asyncio.sleep(0.1)
            yield replica
        finally:
            process.kill()
            process.wait()

    async def _is_ready(self, replica: Replica) -> bool:
        with suppress(aiohttp.ClientError):
            async with self.client.get(f"{replica.url}/readyz") as response:
                return response.status == 200
        return False

    async def tell_redis(self) -> None:
        """What a worker does: it hears of each ticket, and tells."""
        last = 0
        while not self.over:
            async with self.database.transaction() as transaction:
                for row in await transaction.execute(_EVENTS, {"last": last}):
                    await self.marks.on_ticket(transaction, Event.model_validate_json(row.body))
                    last = row.id
            await asyncio.sleep(0.1)

    # One round -----------------------------------------------------------------------------

    async def round(
        self, number: int, chance: random.Random, one: Replica, two: Replica | None
    ) -> None:
        async with self.database.transaction() as transaction:
            await service.apply(transaction, session_data(number), 1)
        holders = [await self.hold(one, number, seat) for seat in range(1, HOLDERS + 1)]
        if chance.random() < 0.5:  # else there is time left when the booking begins
            await asyncio.sleep(max(0.0, until(holders[0].expires) - 0.2))
        tasks = [
            asyncio.create_task(self.book(one, holder, chance.uniform(0, BEGIN_WITHIN_S)))
            for holder in holders
        ]
        await asyncio.sleep(chance.uniform(0, FREEZE_WITHIN_S))
        with one.frozen():
            if two:
                tasks += [asyncio.create_task(self.outdo(two, holder)) for holder in holders]
            ends = max(holder.expires for holder in holders)
            await asyncio.sleep(until(ends) + MARGIN_S + chance.uniform(0, 0.3))
        await asyncio.gather(*tasks)
        self.holders += holders

    async def hold(self, replica: Replica, session: int, seat: int) -> Holder:
        user, place = session * 100 + seat, {"row": 1, "seat": seat}
        body = {"session": session, "seats": [place]}
        status, hold = await self.call(replica, user, "/hold", body)
        assert status == 201, hold
        expires = datetime.fromisoformat(hold["expires_at"])
        return Holder(user, session, (1, seat), hold["id"], expires)

    async def book(self, replica: Replica, holder: Holder, after: float) -> None:
        await asyncio.sleep(after)
        try:
            status, _ = await self.call(replica, holder.user, "/book", {"hold": holder.hold})
            holder.answer = str(status)
        except (aiohttp.ClientError, TimeoutError):
            holder.answer = "none"

    async def outdo(self, replica: Replica, holder: Holder) -> None:
        """Take the seat as soon as it is free, or give up where it is sold."""
        user = holder.user + 50
        row, seat = holder.seat
        wanted = {"session": holder.session, "seats": [{"row": row, "seat": seat}]}
        deadline = time.monotonic() + HOLD_S + MARGIN_S + 10
        while True:
            assert time.monotonic() < deadline, "the seat was never free, nor sold"
            status, hold = await self.call(replica, user, "/hold", wanted)
            if status == 201:
                break
            if await self.is_sold(replica, holder):
                holder.rival = "sold to the holder"
                return
            await asyncio.sleep(0.01)
        expires = datetime.fromisoformat(hold["expires_at"])
        # Sometimes at once, and sometimes after the other replica woke.
        await asyncio.sleep(random.Random(hold["id"]).choice([0.0, 0.2, 0.5]))
        while True:
            status, _ = await self.call(replica, user, "/book", {"hold": hold["id"]})
            if status != 503 or until(expires) < 1:
                break
        holder.rival = "booked" if status == 201 else f"promised, and then {status}"

    async def is_sold(self, replica: Replica, holder: Holder) -> bool:
        async with self.client.get(f"{replica.url}/session/{holder.session}/seats") as response:
            seats = await response.json()
        return {"row": 1, "seat": holder.seat[1], "state": "sold"} in seats["taken"]

    # What came of it -----------------------------------------------------------------------

    async def violations(self) -> list[str]:
        async with self.database.transaction() as transaction:
            tickets = (await transaction.execute(_TICKETS)).all()
        owners = {(t.screening_id, (t.row_no, t.seat_no)): t for t in tickets}
        found = [] if len(owners) == len(tickets) else ["a seat was sold twice"]
        for holder in self.holders:
            ticket = owners.get((holder.session, holder.seat))
            owner = ticket.user_id if ticket else None
            where = f"session {holder.session}, seat {holder.seat}"
            if owner == holder.user and ticket and ticket.booked_at > holder.expires:
                found.append(f"{where}: booked {ticket.booked_at - holder.expires} late")
            if holder.answer == "201" and owner != holder.user:
                found.append(f"{where}: acknowledged to the holder, and not his")
            if holder.rival.startswith("promised"):
                found.append(f"{where}: a rival was {holder.rival}")
            if holder.rival == "booked" and owner != holder.user + 50:
                found.append(f"{where}: acknowledged to the rival, and not his")
        return found

    def summary(self) -> str:
        pairs = Counter((holder.answer, holder.rival) for holder in self.holders)
        told = "; ".join(
            f"{count} times holder {answer}, rival {rival}"
            for (answer, rival), count in pairs.most_common()
        )
        return f"{len(self.holders)} holders: {told}"


def start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.quick_replica"]
    return subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)


def numbers(count: int) -> range:
    """Of sessions that no other run has told this Redis of."""
    first = secrets.randbelow(10**9) + 10**6
    return range(first, first + count)


def until(moment: datetime) -> float:
    return (moment - datetime.now(UTC)).total_seconds()


@pytest.fixture
async def stage(postgres_url: str, redis_url: str) -> AsyncIterator[Stage]:
    url = await databases.create(postgres_url, "frozen")
    await databases.migrate("ticketing_service", url)
    redis = scripts.connect(redis_url)
    issuer = Issuer()
    environment = {
        "TICKETING_DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "RABBITMQ_URL": "amqp://nowhere",
        "HOLD_SECRET": "x" * 32,
        "HOLD_DURATION_S": str(RIVALS_HOLD_S),
        "LOG_LEVEL": "ERROR",
        "QUICK_KEYS": json.dumps(await issuer.keys()),
    }
    span = timedelta(seconds=HOLD_S)
    marks = SeatMarks(SeatLocks(redis, duration=span, longest=span))
    database = Database(url, application="test")
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as client:
        made = Stage(database, issuer, client, environment, marks)
        worker = asyncio.create_task(made.tell_redis())
        yield made
        made.over = True
        await worker
    await redis.aclose()
    await database.close()


@pytest.mark.timeout(900)
async def test_holders_frozen_past_the_end_of_their_holds(stage: Stage) -> None:
    rounds, seed = int(os.environ.get("ROUNDS", "10")), int(os.environ.get("SEED", "1"))
    chance = random.Random(seed)
    async with stage.replica(**QUICK) as one, stage.replica() as two:
        for number in numbers(rounds):
            await stage.round(number, chance, one, two)
    violations = await stage.violations()
    print(f"\nseed {seed}, {rounds} rounds, {stage.summary()}; violations: {len(violations)}")
    assert violations == []


async def test_without_the_fence_they_are_caught(stage: Stage) -> None:
    chance = random.Random(1)
    async with stage.replica(**QUICK, QUICK_FENCE="off") as one:
        for number in numbers(10):
            await stage.round(number, chance, one, None)
            if await stage.violations():
                return
    pytest.fail("ten rounds without the fence, and nothing was found")
