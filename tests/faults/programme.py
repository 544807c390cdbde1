"""Staff's part: small halls, and a few sessions at a time, each replaced after a while."""

import asyncio
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.faults.api import Api, Identity
from tests.faults.history import Call, Seat

ROWS: Final = 4
SEATS_PER_ROW: Final = 5
SEATS: Final[tuple[Seat, ...]] = tuple(
    (row, seat) for row in range(1, ROWS + 1) for seat in range(1, SEATS_PER_ROW + 1)
)
SALES_END: Final = timedelta(hours=2)
# The contract: a new session is so for selling within 2 s.
_KNOWN_EVERYWHERE_S: Final = 2.0
_HALLS: Final = 6
_SLOTS_A_DAY: Final = 24


@dataclass(eq=False)
class Screening:
    """A session on sale. Selling it ends at `closes`, in seconds of the run."""

    id: int
    closes: float
    # Where clients leave word for each other: holds and tickets that are not theirs.
    holds: list[str] = field(default_factory=list)
    tickets: list[int] = field(default_factory=list)


class Programme:
    """The sessions that clients may try now are in `on_sale`; all there ever were in `all`."""

    def __init__(self, api: Api, staff: Identity, *, at_once: int, seconds_each: float) -> None:
        self.on_sale: list[Screening] = []
        self.all: list[Screening] = []
        self._api = api
        self._staff = staff
        self._at_once = at_once
        self._seconds_each = seconds_each
        self._movie = 0
        self._halls: list[int] = []
        self._slots = itertools.count()
        self._names = itertools.count(1)
        # Others may have been here before, with halls and films of their own.
        self._name = secrets.token_hex(4)

    async def open(self) -> None:
        movie = {"name": f"Short film {self._name}", "duration": "00:05:00"}
        self._movie = await self._insist("new_movie", "movie/", lambda: movie)
        for _ in range(_HALLS):
            self._halls.append(await self._hall())
        await asyncio.gather(*(self._add(self._ordinary) for _ in range(self._at_once)))

    async def run(self) -> None:
        """Replace the sessions one after the other; one of them is always about to close."""
        for number in itertools.count():
            make = self._closing if number % (self._at_once + 1) == 0 else self._ordinary
            await self._add(make)
            if len(self.on_sale) > self._at_once:
                self.on_sale.pop(0)
            await asyncio.sleep(self._seconds_each / self._at_once)

    async def _add(self, make: Callable[[], Any]) -> None:
        screening = await make()
        while True:
            seen = await self._api.call(
                self._staff, "map", "GET", f"session/{screening.id}/seats/", session=screening.id
            )
            if seen.outcome == "ok":
                break
            await asyncio.sleep(0.25)
        await asyncio.sleep(_KNOWN_EVERYWHERE_S)
        self.on_sale.append(screening)
        self.all.append(screening)

    async def _ordinary(self) -> Screening:
        """In a slot of its own, days from now."""

        def body() -> dict[str, Any]:
            number, hall = divmod(next(self._slots), len(self._halls))
            day, slot = divmod(number, _SLOTS_A_DAY)
            start = datetime.now(UTC) + timedelta(days=3 + day)
            start = start.replace(hour=0, minute=0, second=0, microsecond=0)
            return self._session(self._halls[hall], self._opening(start, slot))

        return await self._make(body)

    async def _closing(self) -> Screening:
        """Its sale ends before clients are done with it: bookings that are not paid lapse."""
        hall = await self._hall()
        start = datetime.now(UTC) + SALES_END + timedelta(seconds=self._seconds_each * 0.6)
        return await self._make(lambda: self._session(hall, start))

    @staticmethod
    def _opening(midnight: datetime, slot: int) -> datetime:
        """By the cinema's clock, whose zone was chosen so that it is about 10:00 there now."""
        morning = midnight.replace(hour=datetime.now(UTC).hour)
        return morning + timedelta(minutes=30 * slot)

    def _session(self, hall: int, start: datetime) -> dict[str, Any]:
        return {
            "hall": hall,
            "movie": self._movie,
            "started_at": start.isoformat(),
            "price": "9.50",
        }

    async def _make(self, body: Callable[[], dict[str, Any]]) -> Screening:
        sent: dict[str, Any] = {}

        def remembered() -> dict[str, Any]:
            sent.update(body())
            return sent

        number = await self._insist("new_session", "session/", remembered)
        return Screening(
            number, self._api.history.of_wall(sent["started_at"]) - SALES_END.total_seconds()
        )

    async def _hall(self) -> int:
        def body() -> dict[str, Any]:
            name = f"Hall {self._name} {next(self._names)}"
            return {"name": name, "row_count": ROWS, "seat_count": SEATS_PER_ROW}

        return await self._insist("new_hall", "hall/", body)

    async def _insist(self, action: str, path: str, body: Callable[[], Any]) -> int:
        """Try until it is made; each time with what `body` says then."""
        while True:
            call: Call = await self._api.call(self._staff, action, "POST", path, body())
            if call.outcome == "ok":
                return int(call.answer)
            await asyncio.sleep(0.3)
