"""After the run: waits until the suite is whole again, and reads the state that it ended in."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
import asyncpg

from tests.faults.checker.state import State, TicketRow
from tests.faults.history import History
from tests.faults.private import Suite
from tests.faults.programme import Screening
from tests.faults.workload import Crowd

_READY_WITHIN_S: Final = 60.0
# The outbox drains within 30 s of the broker's return; catalog shows a change 2 s later.
_HEARD_WITHIN_S: Final = 35.0
_STATUS: Final = {1: "booked", 2: "paid", 3: "cancelled", 4: "expired"}
_DATABASES: Final = ("auth", "catalog", "ticketing")


async def until_ready(suite: Suite) -> list[str]:
    """The processes that have not become ready in ample time."""
    deadline = asyncio.get_running_loop().time() + _READY_WITHIN_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as http:
        while True:
            processes = await asyncio.to_thread(suite.processes)
            missing = [
                name
                for name, (_, url) in processes.items()
                if url.startswith("http") and not await _is_ready(http, url)
            ]
            if not missing or asyncio.get_running_loop().time() > deadline:
                return missing
            await asyncio.sleep(0.5)


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/readyz") as response:
            return response.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


async def read(suite: Suite, history: History, people: Crowd, unready: Sequence[str]) -> State:
    """The state, once no event is under way any more or there was ample time for it."""
    state = State(unready=list(unready))
    state.closes = {screening.id: screening.closes for screening in people.programme.all}
    connections = {
        name: await asyncpg.connect(suite.settings[f"{name.upper()}_DATABASE_URL"])
        for name in _DATABASES
    }
    try:
        deadline = history.now() + _HEARD_WITHIN_S
        while True:
            for name, connection in connections.items():
                state.outbox[name] = await connection.fetchval("SELECT count(*) FROM outbox")
            state.at = history.now()
            # Others may have been here before: only what is of this run's sessions.
            sessions = list(state.closes)
            state.tickets = await _tickets(connections["ticketing"], history, sessions)
            state.projected = await _projected(connections["catalog"], sessions)
            live = {row.id for row in state.tickets.values() if row.is_live}
            quiet = not any(state.outbox.values()) and state.projected == live
            if quiet or history.now() > deadline:
                return state
            await asyncio.sleep(0.5)
    finally:
        for connection in connections.values():
            await connection.close()


async def _tickets(
    connection: Any, history: History, sessions: Sequence[int]
) -> dict[int, TicketRow]:
    rows = await connection.fetch(
        "SELECT id, screening_id, user_id, row_no, seat_no, status, booked_at, ended_at"
        " FROM tickets WHERE screening_id = ANY($1)",
        sessions,
    )
    return {
        row["id"]: TicketRow(
            id=row["id"],
            session=row["screening_id"],
            user=row["user_id"],
            seat=(row["row_no"], row["seat_no"]),
            status=_STATUS[row["status"]],
            booked=history.of_wall(row["booked_at"]),
            ended=history.of_wall(row["ended_at"]) if row["ended_at"] else None,
        )
        for row in rows
    }


async def _projected(connection: Any, sessions: Sequence[int]) -> set[int]:
    rows = await connection.fetch(
        "SELECT ticket_id FROM tickets WHERE taken AND screening_id = ANY($1)", sessions
    )
    return {row["ticket_id"] for row in rows}


def still_open(screenings: Sequence[Screening], now: float) -> list[Screening]:
    """Sessions whose seats can still be tried, with time to spare."""
    return [screening for screening in screenings if screening.closes > now + 60]
