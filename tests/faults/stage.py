"""A few people with names and one session, for stories that are told step by step."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.faults import calm
from tests.faults.api import Identity
from tests.faults.checker import Violation, check
from tests.faults.history import Call, History, Seat
from tests.faults.private import Suite
from tests.faults.workload import Crowd, people


class Actor:
    """One user at the gateway."""

    def __init__(self, number: int, crowd: Crowd) -> None:
        account = crowd.accounts[number]
        self.id = account.id
        self._me = Identity(number, account.id, account.token)
        self._crowd = crowd

    async def hold(self, *seats: Seat) -> Call:
        named = [{"row": row, "seat": seat} for row, seat in seats]
        body = {"session": self._session, "seats": named}
        return await self._call("hold", "POST", "hold/", body, seats=list(seats))

    async def release(self, hold: Call) -> Call:
        return await self._on(hold, "release", "DELETE")

    async def extend(self, hold: Call) -> Call:
        return await self._on(hold, "extend", "PATCH")

    async def book_hold(self, hold: Call, key: str | None = None) -> Call:
        name = hold.answer["id"]
        about = {"hold": name, "seats": hold.seats, "key": key}
        return await self._call("book_hold", "POST", "book/", {"hold": name}, **about)

    async def book(self, seat: Seat, key: str | None = None) -> Call:
        body = {"session": self._session, "row": seat[0], "seat": seat[1]}
        return await self._call("book", "POST", "book/", body, seats=[seat], key=key)

    async def sold(self, seat: Seat) -> int:
        """The ticket; there is one, or the story is over."""
        call = await self.book(seat)
        assert call.outcome == "ok", call
        return int(call.answer[0]["id"])

    async def pay(self, ticket: int, key: str | None = None) -> Call:
        return await self._call("pay", "PATCH", f"pay/{ticket}/", ticket=ticket, key=key)

    async def cancel(self, ticket: int) -> Call:
        return await self._call("cancel", "DELETE", f"ticket/{ticket}/", ticket=ticket)

    async def look(self) -> Call:
        return await self._call("map", "GET", f"session/{self._session}/seats/")

    async def programme(self) -> Call:
        return await self._call("programme", "GET", "session/?limit=3")

    async def tickets(self) -> Call:
        return await self._call("tickets", "GET", f"ticket/?session={self._session}")

    @property
    def _session(self) -> int:
        return self._crowd.programme.on_sale[0].id

    async def _on(self, hold: Call, action: str, method: str) -> Call:
        name = hold.answer["id"]
        return await self._call(action, method, f"hold/{name}/", hold=name, seats=hold.seats)

    async def _call(
        self, action: str, method: str, path: str, body: Any = None, **about: Any
    ) -> Call:
        return await self._crowd.api.call(
            self._me, action, method, path, body, session=self._session, **about
        )


class Stage:
    """Anna, Bert and Carl; and what the checker says of what they have done."""

    def __init__(self, suite: Suite, history: History, crowd: Crowd) -> None:
        self.suite = suite
        self.history = history
        self.anna, self.bert, self.carl = (Actor(number, crowd) for number in range(3))
        self._crowd = crowd

    async def tickets(self, token: str) -> Call:
        """As whoever has this token."""
        me, path = Identity(-3, 0, token), f"ticket/?session={self.session}"
        return await self._crowd.api.call(me, "tickets", "GET", path)

    @property
    def session(self) -> int:
        return self._crowd.programme.on_sale[0].id

    async def log_in(self) -> Call:
        names = {"username": "STAFF_USERNAME", "password": "STAFF_PASSWORD"}
        body = {word: self.suite.settings[name] for word, name in names.items()}
        nobody = Identity(-3, 0, None)
        return await self._crowd.api.call(nobody, "log_in", "POST", "token/", body)

    def next_session(self) -> None:
        """Whose seats nobody has touched."""
        self._crowd.programme.on_sale.pop(0)

    async def until(self, moment: float) -> None:
        """A time of the run, such as when a hold ends."""
        await asyncio.sleep(max(0.0, moment - self.history.now()))

    async def violations(self) -> list[Violation]:
        state = await calm.read(self.suite, self.history, self._crowd, [])
        return check(self.history, state)


@asynccontextmanager
async def stage(suite: Suite, sessions: int = 1) -> AsyncIterator[Stage]:
    history = History()
    async with people(suite.settings, history, users=3, sessions=sessions) as crowd:
        yield Stage(suite, history, crowd)


@asynccontextmanager
async def whole_afterwards(suite: Suite, sessions: int = 1) -> AsyncIterator[Stage]:
    """A stage; in the end the checker finds nothing."""
    async with stage(suite, sessions) as on:
        yield on
        assert await calm.until_ready(suite) == []
        found = await on.violations()
        assert found == [], "\n".join(map(str, found))
