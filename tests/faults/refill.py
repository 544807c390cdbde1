"""After the run: every seat without a live ticket can be had again. So each hold has ended."""

import asyncio
from collections.abc import Sequence
from typing import Final

import redis.asyncio

from tests.faults.api import Api, Identity
from tests.faults.checker.state import State
from tests.faults.history import Seat
from tests.faults.programme import SEATS, Screening
from tests.faults.workload import Crowd

_BASKET: Final = 4
_ATTEMPTS: Final = 3
_AT_ONCE: Final = 8


async def refill(
    people: Crowd, screenings: Sequence[Screening], state: State, redis_url: str
) -> None:
    """Hold every free seat of these sessions, and let it go again; what fails is in `stuck`."""
    taken = {(row.session, row.seat) for row in state.tickets.values() if row.is_live}
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def try_all(screening: Screening) -> None:
        free = [seat for seat in SEATS if (screening.id, seat) not in taken]
        for n in range(0, len(free), _BASKET):
            account = people.accounts[n // _BASKET % len(people.accounts)]
            who = Identity(-2, account.id, account.token)
            async with at_once:
                await _try(people.api, who, screening, free[n : n + _BASKET], state)

    await asyncio.gather(*map(try_all, screenings))
    if state.stuck:
        await _explain(redis_url, state)


async def _explain(redis_url: str, state: State) -> None:
    """What Redis has of the seats that are stuck."""
    client = redis.asyncio.Redis.from_url(redis_url, decode_responses=True)
    for (session, (row, seat)), answer in state.stuck.items():
        known = [
            f"{kind} {await client.hget(f'{{session:{session}}}:{kind}', f'{row}:{seat}')!s}"
            for kind in ("held", "sold")
        ]
        state.stuck[session, (row, seat)] = f"{answer}; in Redis: {', '.join(known)}"
    await client.aclose()


async def _try(
    api: Api, who: Identity, screening: Screening, seats: list[Seat], state: State
) -> None:
    body = {
        "session": screening.id,
        "seats": [{"row": row, "seat": seat} for row, seat in seats],
    }
    for _ in range(_ATTEMPTS):
        call = await api.call(who, "hold", "POST", "hold/", body, session=screening.id, seats=seats)
        if call.outcome != "unknown":
            break
        await asyncio.sleep(1)
    if call.outcome != "ok":
        stuck = [tuple(seat) for seat in call.answer or seats]
        for row, seat in stuck:
            state.stuck[screening.id, (row, seat)] = f"{call.status} {call.code}"
        return
    hold = call.answer["id"]
    await api.call(
        who, "release", "DELETE", f"hold/{hold}/", session=screening.id, hold=hold, seats=seats
    )
