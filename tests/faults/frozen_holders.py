"""Holders who freeze while they book: none books late, and none takes a seat from the next holder.

    python -m tests.faults.frozen_holders --rounds 100

Twenty at a time hold a seat each, and book it by way of one replica in the last moment. The replica
is frozen just then, so each booking stops at another step, or had not begun. When the locks have
ended, the next holder of each seat comes by way of the other replica, and gets it; the first
replica goes on, with all that it was about to do; then the next holders book, and must succeed.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.faults import calm
from tests.faults.api import Api, Identity
from tests.faults.checker import Violation, check
from tests.faults.history import Call, Fault, History, Seat
from tests.faults.private import Suite, private_suite
from tests.faults.programme import SEATS
from tests.faults.run import SETTINGS
from tests.faults.workload import Crowd, people

_USERS: Final = 8
# All in flight at once, and most of them within this time of the end of their holds.
_LAST_MOMENT_S: Final = 0.4
_PATIENCE_S: Final = 60.0


@dataclass
class Tally:
    rounds: int = 0
    first: Counter[str] = field(default_factory=Counter)
    second: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"rounds {self.rounds}",
            f"first holders, frozen    {dict(self.first)}",
            f"second holders           {dict(self.second)}",
            f"violations {len(self.violations)}",
        ]
        return "\n".join([*lines, *map(str, self.violations)])


class Freeze:
    """Twenty rounds at once, in one session of twenty seats."""

    def __init__(self, suite: Suite, history: History, crowd: Crowd, chance: random.Random) -> None:
        self._suite = suite
        self._history = history
        self._crowd = crowd
        self._chance = chance
        self._session = crowd.programme.on_sale[0].id

    async def run(self, tally: Tally) -> None:
        pid, url = self._suite.processes()["ticketing-api-1"]
        assert pid
        direct = Api(url, self._history, _PATIENCE_S)
        try:
            holds = [await self._hold(n, seat) for n, seat in enumerate(SEATS)]
            end = max(hold.answer["expires"] for hold in holds)
            firsts = [
                asyncio.create_task(self._book(direct, n, hold, hold.answer["expires"]))
                for n, hold in enumerate(holds)
            ]
            await self._until(end - _LAST_MOMENT_S / 2)
            begin = self._history.now()
            os.kill(pid, signal.SIGSTOP)
            try:
                nexts = await asyncio.gather(
                    *(self._wait_for(n + 1, seat) for n, seat in enumerate(SEATS))
                )
            finally:
                os.kill(pid, signal.SIGCONT)
            self._history.inflicted(Fault("ticketing-api-1", "freeze", begin, self._history.now()))
            seconds = await asyncio.gather(
                *(
                    self._book(self._crowd.api, n + 1, hold, 0.0)
                    for n, hold in enumerate(nexts)
                    if hold is not None
                )
            )
            tally.first.update(_said(call) for call in await asyncio.gather(*firsts))
            tally.second.update(_said(call) for call in seconds)
            tally.second["sold to the first in time"] += nexts.count(None)
            tally.rounds += len(SEATS)
        finally:
            await direct.close()

    async def _hold(self, who: int, seat: Seat) -> Call:
        body = {"session": self._session, "seats": [{"row": seat[0], "seat": seat[1]}]}
        return await self._crowd.api.call(
            self._identity(who), "hold", "POST", "hold/", body, session=self._session, seats=[seat]
        )

    async def _wait_for(self, who: int, seat: Seat) -> Call | None:
        """The next hold of the seat; None where it was sold."""
        while (call := await self._hold(who, seat)).outcome != "ok":
            await asyncio.sleep(0.3)
            look = await self._crowd.api.call(
                self._identity(who),
                "map",
                "GET",
                f"session/{self._session}/seats/",
                session=self._session,
            )
            if [*seat, "sold"] in [taken[:3] for taken in look.answer or []]:
                return None
        return call

    async def _book(self, api: Api, who: int, hold: Call, expires: float) -> Call:
        if expires:
            await self._until(expires - self._chance.uniform(0, _LAST_MOMENT_S))
        name = hold.answer["id"]
        about = {"session": self._session, "hold": name, "seats": hold.seats}
        return await api.call(
            self._identity(who), "book_hold", "POST", "book/", {"hold": name}, **about
        )

    def _identity(self, number: int) -> Identity:
        account = self._crowd.accounts[number % _USERS]
        return Identity(number, account.id, account.token)

    async def _until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - self._history.now()))


def _said(call: Call) -> str:
    return call.outcome if call.outcome == "ok" else call.code or call.outcome


async def run(suite: Suite, rounds: int, seed: int) -> Tally:
    tally = Tally()
    chance = random.Random(seed)
    while tally.rounds < rounds:
        history = History()
        async with people(suite.settings, history, users=_USERS, sessions=1) as crowd:
            await Freeze(suite, history, crowd, chance).run(tally)
            unready = await calm.until_ready(suite)
            state = await calm.read(suite, history, crowd, unready)
        # The first holders were frozen with their replica: those took longer than any may.
        tally.violations += [
            violation
            for violation in check(history, state)
            if not (violation.rule == "answer" and "it took" in violation.what)
        ]
        print(f"{tally.rounds} rounds, {len(tally.violations)} violations", flush=True)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.faults.frozen_holders", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with private_suite(2, SETTINGS) as suite:
        tally = asyncio.run(run(suite, asked.rounds, asked.seed))
    print(tally)
    sys.exit(1 if tally.violations else 0)


if __name__ == "__main__":
    main()
