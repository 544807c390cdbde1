"""One client: comes again and again, each time with another of a few ways to go about it."""

import asyncio
import random
import uuid
from typing import Any, Final

from tests.faults.api import Identity
from tests.faults.history import Call, Seat
from tests.faults.programme import SEATS, Screening
from tests.faults.scene import Account, Scene

_PAYS: Final = 0.06
# With a key, an unknown outcome is asked for again until it is known.
_MOST_RETRIES: Final = 40


class Visitor:
    def __init__(
        self,
        number: int,
        account: Account,
        scene: "Scene",
        chance: random.Random,
    ) -> None:
        self._me = Identity(number, account.id, account.token)
        self._account = account
        self._api = scene.api
        self._programme = scene.programme
        self._habits = scene.habits
        self._chance = chance
        self._ways = {
            self._look: 6,
            self._book_directly: 30,
            self._hold_and_decide: 56,
            self._hold_and_freeze: 3,
            self._meddle: 3,
            self._clear_up: 2,
        }

    async def run(self) -> None:
        """Until cancelled."""
        ways, weights = list(self._ways), list(self._ways.values())
        while True:
            screening = self._choose()
            [way] = self._chance.choices(ways, weights)
            await way(screening)
            await asyncio.sleep(self._chance.uniform(0, 2 * self._habits.pause_s))

    def _choose(self) -> Screening:
        """Now and then one that has closed, too."""
        screening = self._chance.choice(self._programme.on_sale)
        if screening.closes < self._api.history.now() and self._chance.random() < 0.9:
            screening = self._chance.choice(self._programme.on_sale)
        return screening

    # --- the ways

    async def _look(self, screening: Screening) -> None:
        await self._call("map", "GET", f"session/{screening.id}/seats/", session=screening.id)

    async def _book_directly(self, screening: Screening) -> None:
        seat = self._chance.choice(SEATS)
        await self._go_on_with(screening, await self._book(screening, seat))

    async def _hold_and_decide(self, screening: Screening) -> None:
        held = await self._hold(screening)
        if held is None:
            return
        hold, seats = held
        await self._think()
        choice = self._chance.random()
        if choice < 0.15:
            await self._on_hold("release", "DELETE", screening, hold, seats)
        elif choice < 0.2:
            await self._on_hold("show_hold", "GET", screening, hold, seats)
        elif choice < 0.35:
            for seat in seats:
                await self._go_on_with(screening, await self._book(screening, seat))
        else:
            if choice < 0.5:
                await self._on_hold("extend", "PATCH", screening, hold, seats)
                await self._think()
            await self._go_on_with(screening, await self._book_hold(screening, hold, seats))

    async def _hold_and_freeze(self, screening: Screening) -> None:
        """Wakes about when the hold ends, or after, and acts as if no time had passed."""
        held = await self._hold(screening)
        if held is None:
            return
        hold, seats = held
        await asyncio.sleep(self._habits.hold_s + self._chance.uniform(-0.4, 1.5))
        choice = self._chance.random()
        if choice < 0.2:
            await self._on_hold("release", "DELETE", screening, hold, seats)
        elif choice < 0.3:
            await self._on_hold("extend", "PATCH", screening, hold, seats)
        elif choice < 0.9:
            await self._go_on_with(screening, await self._book_hold(screening, hold, seats))

    async def _meddle(self, screening: Screening) -> None:
        """With what is somebody else's, most of the time."""
        if screening.holds and self._chance.random() < 0.5:
            hold = self._chance.choice(screening.holds)
            action, method = self._chance.choice(
                [("release", "DELETE"), ("extend", "PATCH"), ("show_hold", "GET")]
            )
            await self._on_hold(action, method, screening, hold, [])
        elif screening.tickets:
            ticket = self._chance.choice(screening.tickets)
            await self._end(screening, ticket, pays=self._chance.random() < 0.3)

    async def _clear_up(self, screening: Screening) -> None:
        """Cancel what is booked and nobody remembers."""
        doubtful = self._account.doubtful
        number = doubtful.pop() if doubtful else screening.id
        found = await self._call("tickets", "GET", f"ticket/?session={number}", session=number)
        if found.outcome != "ok":
            doubtful.add(number)
            return
        for ticket in found.answer:
            if ticket["status"] == "booked" and ticket["id"] not in screening.tickets:
                await self._end(screening, ticket["id"], pays=False)

    # --- the steps

    async def _hold(self, screening: Screening) -> tuple[str, list[Seat]] | None:
        seats = sorted(self._chance.sample(SEATS, self._chance.choice((1, 1, 2, 2, 3, 4))))
        body = {
            "session": screening.id,
            "seats": [{"row": row, "seat": seat} for row, seat in seats],
        }
        call = await self._insist("hold", "POST", "hold/", body, session=screening.id, seats=seats)
        if call.outcome != "ok":
            return None
        hold = str(call.answer["id"])
        screening.holds = [*screening.holds[-20:], hold]
        return hold, seats

    async def _book(self, screening: Screening, seat: Seat) -> Call:
        row, number = seat
        body = {"session": screening.id, "row": row, "seat": number}
        return await self._insist("book", "POST", "book/", body, session=screening.id, seats=[seat])

    async def _book_hold(self, screening: Screening, hold: str, seats: list[Seat]) -> Call:
        about = {"session": screening.id, "hold": hold, "seats": seats}
        return await self._insist("book_hold", "POST", "book/", {"hold": hold}, **about)

    async def _on_hold(
        self, action: str, method: str, screening: Screening, hold: str, seats: list[Seat]
    ) -> Call:
        about = {"session": screening.id, "hold": hold, "seats": seats}
        return await self._call(action, method, f"hold/{hold}/", **about)

    async def _go_on_with(self, screening: Screening, booked: Call) -> None:
        """Pay for a few of the tickets, and cancel the others so that there is always a fight."""
        if booked.outcome != "ok":
            if booked.outcome == "unknown":
                self._account.doubtful.add(screening.id)
            return
        await self._think()
        for ticket in booked.answer:
            screening.tickets = [*screening.tickets[-40:], ticket["id"]]
            await self._end(screening, ticket["id"], pays=self._chance.random() < _PAYS)

    async def _end(self, screening: Screening, ticket: int, *, pays: bool) -> None:
        about: dict[str, Any] = {"session": screening.id, "ticket": ticket}
        if pays:
            await self._insist("pay", "PATCH", f"pay/{ticket}/", **about)
        else:
            await self._call("cancel", "DELETE", f"ticket/{ticket}/", **about)

    # --- inside

    async def _think(self) -> None:
        await asyncio.sleep(self._chance.expovariate(1 / self._habits.pause_s))

    async def _call(self, action: str, method: str, path: str, **about: Any) -> Call:
        call = await self._api.call(self._me, action, method, path, **about)
        if call.code == "no_connection":
            await asyncio.sleep(0.2)
        return call

    async def _insist(
        self, action: str, method: str, path: str, body: Any = None, **about: Any
    ) -> Call:
        """With a key, most of it; then until the outcome is known."""
        key = uuid.UUID(int=self._chance.getrandbits(128)).hex
        if self._chance.random() >= self._habits.keyed:
            return await self._call(action, method, path, body=body, **about)
        for attempt in range(_MOST_RETRIES):
            call = await self._call(action, method, path, body=body, key=key, **about)
            if call.outcome != "unknown" and call.code != "idempotency_in_flight":
                if attempt == 0 and self._chance.random() < 0.1:
                    # As after a lost answer: the same must come again.
                    call = await self._call(action, method, path, body=body, key=key, **about)
                break
            await asyncio.sleep(self._chance.uniform(0.1, 0.5))
        return call
