"""When holds will end: a sorted set in Redis, so that any worker can tell when one has.

holds:ends   names of holds, by the time when their seats are free again
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ticketing_service.holds import locks, scripts
from ticketing_service.holds.identity import HoldId
from ticketing_service.holds.locks import MARGIN, Held

_ENDS: Final = "holds:ends"
_AT_ONCE: Final = 200
# What whoever took it has not finished by then, somebody else looks at.
_PATIENCE_MS: Final = 10_000


@dataclass(frozen=True)
class Due:
    """A hold whose time has come, by its name."""

    name: str
    hold: HoldId


class HoldEnds:
    def __init__(self, redis: scripts.Client, secret: str) -> None:
        self._redis = redis
        self._secret = secret

    async def expect(self, expiries: Mapping[str, datetime]) -> None:
        """Of holds by their names, when they expire."""
        await self._note({name: _ms(expires + MARGIN) for name, expires in expiries.items()})

    async def due(self) -> list[Due]:
        """Those to look at now: `ended` says what became of each, and then they are forgotten."""
        names = await scripts.run(self._redis, "due", [_ENDS], _AT_ONCE, _PATIENCE_MS)
        opened = ((name, HoldId.opened(name, self._secret)) for name in names)
        return [Due(name, hold) for name, hold in opened if hold is not None]

    async def ended(self, due: Due) -> Held | None:
        """The hold, if it has ended by itself. One that was extended comes up again."""
        margin = int(MARGIN.total_seconds() * 1000)
        key = f"{{session:{due.hold.screening_id}}}:hold:{due.hold.token}"
        answer = await scripts.run(self._redis, "ended", [key], margin)
        match answer:
            case ["ended", expires, seats]:
                return locks.held(due.hold, expires, seats)
            case ["later", free_at]:
                await self._note({due.name: int(free_at)})
            case _:  # booked or released
                await self.forget(due)
        return None

    async def forget(self, due: Due) -> None:
        async with scripts.asking():
            await self._redis.zrem(_ENDS, due.name)

    async def _note(self, times: Mapping[str, int]) -> None:
        async with scripts.asking():
            await self._redis.zadd(_ENDS, dict(times))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
