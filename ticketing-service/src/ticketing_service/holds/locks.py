"""Locks on seats: each method is one call of one script (`lua/`).

How a lock keeps its promise without a clock in common with PostgreSQL: Redis says for how long a
lock is still good, and PostgreSQL refuses a booking when that time, counted by its own clock from
before Redis was asked, is over. The lock stays `MARGIN` longer. MARGIN is longer than a booking can
last that the database has found in time: its process gives it up after CLAIM; where that process is
frozen, the database does, after what is left of a statement (2.5 s) and of a pause (2 s,
`database.py`).
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cinema_shared.problems import Conflict, Gone, Unprocessable

from ticketing_service.holds import scripts
from ticketing_service.holds.identity import HoldId
from ticketing_service.screenings.programme import Screening

MARGIN: Final = timedelta(seconds=15)
# A booking may take this long, and no longer.
CLAIM: Final = timedelta(seconds=5)
SEATS_PER_USER: Final = 10
_KEPT_AFTER_START: Final = timedelta(days=1)
_IDEMPOTENCY: Final = timedelta(hours=24)
_LOADING: Final = timedelta(seconds=10)

Seat = tuple[int, int]


class SeatsUnavailable(Conflict):
    code = "seats_unavailable"
    detail = "Some of these seats are taken or held; choose others."


class HoldLimitExceeded(Conflict):
    code = "hold_limit_exceeded"
    detail = f"At most {SEATS_PER_USER} seats of a session can be held at a time."


class HoldExpired(Gone):
    code = "hold_expired"
    detail = "This hold has ended; its seats may be free to be held again."


class KeyReused(Unprocessable):
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used for another request."


class NotLoaded(Exception):  # noqa: N818  (says what to do, not what went wrong)
    """Redis has not been told yet which seats of this screening are sold."""


@dataclass(frozen=True)
class Held:
    """Seats that are held, until when the customer may count on it, and under which token.

    By Redis' clock where it is told to the customer, by PostgreSQL's where it is to be booked.
    """

    token: str
    seats: tuple[Seat, ...]
    expires_at: datetime


@dataclass(frozen=True)
class TakenSeat:
    row: int
    seat: int
    state: str
    user_id: int


class SeatLocks:
    def __init__(self, redis: scripts.Client, *, duration: timedelta, longest: timedelta) -> None:
        self._redis = redis
        self._duration = _ms(duration)
        self._longest = _ms(longest)

    async def create(
        self, screening: Screening, hold: HoldId, seats: Sequence[Seat], idempotency_key: str | None
    ) -> Held | None:
        """Hold all the seats, or none. None, when selling has ended by Redis' clock.

        With an idempotency key the answer is kept in the same call, and given again. Raises
        `SeatsUnavailable`, `HoldLimitExceeded`, `NotLoaded`.
        """
        digest = _digest(idempotency_key) if idempotency_key else ""
        answer = await scripts.run(
            self._redis,
            "create",
            _keys(hold.screening_id, "held", "sold", "version")
            + _keys(
                hold.screening_id,
                f"hold:{hold.token}",
                f"user:{hold.user_id}",
                f"once:{hold.user_id}:{digest}",
            ),
            hold.user_id,
            hold.token,
            self._duration,
            _ms(MARGIN),
            SEATS_PER_USER,
            _ms_at(screening.sales_end),
            _keep(screening),
            digest,
            _ms(_IDEMPOTENCY),
            _text(seats),
        )
        match answer:
            case ["held", token, expires]:
                return Held(token, tuple(seats), _at(expires))
            case ["taken", *taken]:
                named = [{"row": row, "seat": seat} for row, seat in map(_seat, taken)]
                raise SeatsUnavailable(seats=named)
            case ["limit"]:
                raise HoldLimitExceeded
            case ["unloaded"]:
                raise NotLoaded
        return None

    async def reserve_key(self, user_id: int, key: str, fingerprint: str) -> None:
        """Bind an idempotency key to what it is used for first; raises `KeyReused` for more."""
        name = f"{{once:{user_id}}}:{_digest(key)}"
        async with scripts.asking():
            bound = await self._redis.set(
                name, fingerprint, nx=True, get=True, px=_ms(_IDEMPOTENCY)
            )
        if bound is not None and bound != fingerprint:
            raise KeyReused

    async def show(self, hold: HoldId) -> Held:
        keys = _keys(hold.screening_id, f"hold:{hold.token}")
        return _held(hold, await scripts.run(self._redis, "show", keys))

    async def begin_booking(self, hold: HoldId, now: datetime) -> Held:
        """The hold, for a booking that is done within `CLAIM`; until then a release waits.

        `now` is PostgreSQL's clock, and so is what comes of it.
        """
        keys = _keys(hold.screening_id, "held", f"hold:{hold.token}")
        arguments = (hold.token, _ms(CLAIM), _ms(MARGIN))
        answer = await scripts.run(self._redis, "begin", keys, *arguments)
        if answer[0] != "held":
            raise HoldExpired
        _, left, seats = answer
        return Held(hold.token, tuple(map(_seat, seats.split(","))), now + _span(left))

    async def extend(self, screening: Screening, hold: HoldId) -> Held:
        answer = await scripts.run(
            self._redis,
            "extend",
            _keys(hold.screening_id, "held", f"hold:{hold.token}", f"user:{hold.user_id}"),
            hold.user_id,
            hold.token,
            self._duration,
            self._longest,
            _ms(MARGIN),
            _ms_at(screening.sales_end),
        )
        return _held(hold, answer)

    async def release(self, hold: HoldId) -> Held:
        """Free its seats; what it was."""
        answer = await scripts.run(
            self._redis,
            "release",
            _keys(
                hold.screening_id, "held", "version", f"hold:{hold.token}", f"user:{hold.user_id}"
            ),
            hold.token,
        )
        if answer[0] != "released":
            raise HoldExpired
        return held(hold, *answer[1:])

    async def claim(
        self, screening: Screening, user_id: int, seat: Seat, now: datetime
    ) -> Held | None:
        """Lock a seat for a booking by itself; None where somebody else has it.

        `now` is PostgreSQL's clock, and so is what comes of it.
        """
        answer = await scripts.run(
            self._redis,
            "claim",
            _keys(screening.id, "held", "sold", "version"),
            user_id,
            f"c-{secrets.token_hex(8)}",
            _ms(CLAIM),
            _ms(MARGIN),
            _keep(screening),
            _text([seat]),
        )
        if answer == ["taken"]:
            return None
        _, token, left = answer
        return Held(token, (seat,), now + _span(left))

    async def unclaim(self, screening_id: int, held: Held, *, known: bool) -> None:
        """Give a claim back; a seat that is under the customer's own hold stays there.

        Not `known` is what PostgreSQL says: a seat is sold that Redis took for free.
        """
        keys = _keys(screening_id, "held", "sold", "version")
        await scripts.run(self._redis, "unclaim", keys, held.token, _text(held.seats), int(known))

    async def settle(
        self, screening: Screening, user_id: int, held: Held, tickets: Iterable[tuple[Seat, int]]
    ) -> None:
        """The seats are sold now."""
        sold = [part for seat, ticket in tickets for part in (_text([seat]), str(ticket))]
        await scripts.run(
            self._redis,
            "settle",
            _keys(screening.id, "held", "sold", "version")
            + _keys(screening.id, f"hold:{held.token}", f"user:{user_id}", "loading"),
            held.token,
            user_id,
            _keep(screening),
            *sold,
        )

    async def mark(
        self,
        screening_id: int,
        keep_at: int,
        seat: Seat,
        ticket_id: int,
        user_id: int,
        *,
        live: bool,
    ) -> None:
        """Word of a ticket: it has the seat, or has left it. May come late, twice, in any order."""
        await scripts.run(
            self._redis,
            "mark",
            _keys(screening_id, "sold", "version"),
            "S" if live else "F",
            ticket_id,
            user_id if live else "",
            keep_at,
            _text([seat]),
        )

    async def begin_loading(self, screening_id: int) -> str | None:
        """The token to load under: that of whoever loads already, if somebody does.

        None, where somebody has loaded meanwhile.
        """
        keys = _keys(screening_id, "sold", "version", "loading")
        answer = await scripts.run(
            self._redis, "begin_loading", keys, secrets.token_hex(8), _ms(_LOADING)
        )
        return str(answer[1]) if answer[0] == "load" else None

    async def load(
        self, screening: Screening, token: str, live: Iterable[tuple[Seat, int, int]]
    ) -> bool:
        """Tell which seats are sold, by which ticket and to whom; False where it must be redone."""
        marks = [
            part for seat, ticket, user in live for part in (_text([seat]), str(ticket), str(user))
        ]
        keys = _keys(screening.id, "sold", "version", "loading")
        answer = await scripts.run(self._redis, "load", keys, token, _keep(screening), *marks)
        return answer == ["ok"]

    async def view(self, screening_id: int) -> tuple[int, list[TakenSeat]]:
        """The version of the map, and what is taken. Raises `NotLoaded`."""
        answer = await scripts.run(
            self._redis, "view", _keys(screening_id, "held", "sold", "version")
        )
        if answer == ["unloaded"]:
            raise NotLoaded
        _, version, taken = answer
        return int(version), sorted(map(_taken, taken), key=lambda seat: (seat.row, seat.seat))


def keep_until(starts_at: datetime) -> int:
    """When Redis may forget a screening."""
    return _ms_at(starts_at + _KEPT_AFTER_START)


def _keep(screening: Screening) -> int:
    return keep_until(screening.starts_at)


def _keys(screening_id: int, *names: str) -> list[str]:
    return [f"{{session:{screening_id}}}:{name}" for name in names]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)


def _span(milliseconds: str) -> timedelta:
    return timedelta(milliseconds=int(milliseconds))


def _ms_at(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _at(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _text(seats: Iterable[Seat]) -> str:
    return ",".join(f"{row}:{seat}" for row, seat in seats)


def _seat(text: str) -> Seat:
    row, _, seat = text.partition(":")
    return int(row), int(seat)


def _held(hold: HoldId, answer: list[str]) -> Held:
    if answer[0] != "held":
        raise HoldExpired
    return held(hold, *answer[1:])


def held(hold: HoldId, expires: str, seats: str) -> Held:
    """A hold as Redis has it."""
    return Held(hold.token, tuple(map(_seat, seats.split(","))), _at(expires))


def _taken(text: str) -> TakenSeat:
    state, place, user = text.split("|")
    row, seat = _seat(place)
    return TakenSeat(row, seat, state, int(user))
