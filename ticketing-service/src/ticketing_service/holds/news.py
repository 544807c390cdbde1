"""News of holds for live seat maps: `hold.created`, `hold.released`, `hold.expired`.

Best effort, and outside of every request: a request only notes what it did. The names of holds
that will end are kept in Redis, so that some worker tells of their end, whoever made them.
"""

import structlog
from cinema_shared.events.envelope import notice
from cinema_shared.events.ticketing import SOURCE, HoldData, Place
from cinema_shared.messaging.announcer import Announcer

from ticketing_service.holds.ends import HoldEnds
from ticketing_service.holds.locks import Held
from ticketing_service.holds.scripts import SeatsUnreachable

log = structlog.get_logger(__name__)

FLUSH_EVERY_S = 0.2
_WAITING_AT_MOST = 10_000


class HoldNews:
    """In each API process."""

    def __init__(self, ends: HoldEnds, announcer: Announcer) -> None:
        self._ends = ends
        self._announcer = announcer
        self._made: dict[str, Held] = {}

    def created(self, name: str, screening_id: int, held: Held) -> None:
        _announce(self._announcer, "created", name, screening_id, held)
        if len(self._made) < _WAITING_AT_MOST:
            self._made[name] = held

    def released(self, name: str, screening_id: int, held: Held) -> None:
        _announce(self._announcer, "released", name, screening_id, held)

    async def flush(self) -> None:
        """Note in Redis what was made since the last time. What cannot be noted is dropped."""
        made, self._made = self._made, {}
        if made:
            try:
                await self._ends.expect({name: held.expires_at for name, held in made.items()})
            except SeatsUnreachable:
                log.warning("ends_of_holds_not_noted", holds=len(made))


async def tell_of_ended(ends: HoldEnds, announcer: Announcer) -> None:
    """In each worker: of the holds that nobody booked or released in time."""
    while due := await ends.due():
        for one in due:
            held = await ends.ended(one)
            if held is not None:
                _announce(announcer, "expired", one.name, one.hold.screening_id, held)
                await ends.forget(one)


def _announce(announcer: Announcer, what: str, name: str, screening_id: int, held: Held) -> None:
    data = HoldData(
        id=name,
        session=screening_id,
        seats=tuple(Place(row=row, seat=seat) for row, seat in held.seats),
        expires_at=held.expires_at,
    )
    announcer.say(notice(SOURCE, f"hold.{what}", f"hold/{name}", data))
