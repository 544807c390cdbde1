"""What ticketing promises, in plain Python: one screening in a small hall.

Each method is told the moment, and the answer that the real thing gave; it knows what the answer
has to be, and changes as the real thing has to.
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ticketing_service.holds.locks import MARGIN, Seat

ROWS: Final = 2
SEATS: Final = 6
LIMIT: Final = 10
HOLD: Final = 600.0
LONGEST: Final = 1200.0
# For the time that a booking under way has; the real thing's own is shorter.
CLAIM: Final = 60.0
LOCKED_AFTER: Final = MARGIN.total_seconds()
# How long an answer may take.
TOLERANCE: Final = 4.0

Answer = tuple[int, Any]


@dataclass
class Lock:
    """On one seat. `promised`: under a hold that its owner counts on until `expires`."""

    name: str
    user: int
    expires: float
    until: float
    promised: bool
    booking_until: float = 0.0
    shared: bool = False


@dataclass
class Hold:
    user: int
    seats: list[Seat]
    made: float
    expires: float
    ended: bool = False


@dataclass
class Ticket:
    user: int
    seat: Seat
    status: str = "booked"


@dataclass
class Booking:
    """Under way: refused already, or locked, and what it may still become."""

    user: int
    seats: Sequence[Seat]
    lock: str
    hold: str | None = None
    refused: tuple[int, str] | None = None
    valid_until: float = 0.0


@dataclass
class Model:
    sales_end: float
    holds: dict[str, Hold] = field(default_factory=dict)
    locks: dict[Seat, Lock] = field(default_factory=dict)
    tickets: dict[int, Ticket] = field(default_factory=dict)
    under_way: list[Booking] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)

    # Time -----------------------------------------------------------------------------------

    def let_time_pass(self, seconds: float) -> None:
        self.sales_end -= seconds
        for hold in self.holds.values():
            hold.made -= seconds
            hold.expires -= seconds
        for lock in self.locks.values():
            lock.expires -= seconds
            lock.until -= seconds
            lock.booking_until -= seconds
        for booking in self.under_way:
            booking.valid_until -= seconds

    def next_due(self, now: float, clearance: float) -> float:
        """How much time has to pass until nothing is due for a while."""
        due = [self.sales_end, *(booking.valid_until for booking in self.under_way)]
        due += [hold.expires for hold in self.holds.values()]
        for lock in self.locks.values():
            due += [lock.expires, lock.until, lock.booking_until]
        ahead = 0.0
        for moment in sorted(due):
            if now + ahead < moment <= now + ahead + clearance:
                ahead = moment - now + 0.5
        return ahead

    def late(self, now: float) -> bool:
        return self.sales_end <= now

    # Holds ----------------------------------------------------------------------------------

    def hold(self, now: float, user: int, seats: list[Seat], answer: Answer) -> None:
        taken = [seat for seat in seats if seat in self.sold() or self.lock(now, seat)]
        if self.late(now):
            refused(answer, 409, "book_too_late_error")
        elif taken:
            refused(answer, 409, "seats_unavailable")
            assert [(seat["row"], seat["seat"]) for seat in answer[1]["seats"]] == taken
        elif len(seats) > self.seats_to_limit(now, user):
            refused(answer, 409, "hold_limit_exceeded")
        else:
            status, shown = answer
            assert status == 201, answer
            name, expires = shown["id"], moment(shown["expires_at"])
            assert name not in self.holds
            assert_near(expires, min(now + HOLD, self.sales_end))
            self.holds[name] = Hold(user, list(seats), now, expires)
            for seat in seats:
                self.locks[seat] = Lock(name, user, expires, expires + LOCKED_AFTER, promised=True)
            self.check_hold(now, user, name, (200, shown))

    def extend(self, now: float, user: int, name: str, answer: Answer) -> None:
        if refusal := self.hold_refused(now, user, name):
            refused(answer, *refusal)
            return
        hold = self.holds[name]
        longer = min(now + HOLD, hold.made + LONGEST, self.sales_end)
        assert answer[0] == 200, answer
        expires = moment(answer[1]["expires_at"])
        assert_near(expires, max(longer, hold.expires))
        hold.expires = expires
        for seat in hold.seats:
            lock = self.locks[seat]
            lock.expires, lock.until = expires, expires + LOCKED_AFTER

    def release(self, now: float, user: int, name: str, answer: Answer) -> None:
        if refusal := self.hold_refused(now, user, name):
            refused(answer, *refusal)
            return
        assert answer == (204, None)
        hold = self.holds[name]
        hold.ended = True
        for seat in hold.seats:
            lock = self.locks[seat]
            if lock.booking_until > now:
                # Someone is about to book it: it stays locked until he has, or can no more.
                lock.promised, lock.expires, lock.until = False, now, lock.booking_until
            else:
                del self.locks[seat]

    def check_hold(self, now: float, user: int, name: str, answer: Answer) -> None:
        if refusal := self.hold_refused(now, user, name):
            refused(answer, *refusal)
            return
        hold, (status, shown) = self.holds[name], answer
        assert status == 200, answer
        assert shown["id"] == name
        assert [(seat["row"], seat["seat"]) for seat in shown["seats"]] == hold.seats
        assert abs(moment(shown["expires_at"]) - hold.expires) < 0.1

    def hold_refused(self, now: float, user: int, name: str) -> tuple[int, str] | None:
        hold = self.holds[name]
        if hold.user != user:
            return 404, "not_found"
        return None if self.lives(now, hold) else (410, "hold_expired")

    def lives(self, now: float, hold: Hold) -> bool:
        return not hold.ended and hold.expires > now

    def lock(self, now: float, seat: Seat) -> Lock | None:
        lock = self.locks.get(seat)
        return lock if lock and lock.until > now else None

    # Booking --------------------------------------------------------------------------------

    def begin_with_hold(self, now: float, user: int, name: str) -> Booking:
        hold = self.holds[name]
        refusal = self.hold_refused(now, user, name)
        booking = Booking(user, list(hold.seats), name, hold=name, refused=refusal)
        if not refusal:
            booking.valid_until = min(hold.expires, now + CLAIM)
            for seat in hold.seats:
                self.locks[seat].booking_until = now + CLAIM + LOCKED_AFTER
            self.under_way.append(booking)
        return booking

    def begin_with_seat(self, now: float, user: int, seat: Seat) -> Booking:
        lock = self.lock(now, seat)
        if seat in self.sold() or (lock and lock.user != user):
            return Booking(user, [seat], "", refused=(409, "wrong_seat_error"))
        if lock and lock.promised and lock.expires > now:
            lock.booking_until = now + CLAIM + LOCKED_AFTER
            valid_until = min(lock.expires, now + CLAIM)
        else:
            # Where there is one of the same customer's, both may be under way.
            name = lock.name if lock else f"claim {next(self._numbers)}"
            valid_until = now + CLAIM
            lock = self.locks[seat] = Lock(
                name,
                user,
                valid_until,
                valid_until + LOCKED_AFTER,
                promised=False,
                shared=bool(lock),
            )
        booking = Booking(user, [seat], lock.name, valid_until=valid_until)
        self.under_way.append(booking)
        return booking

    def finish(self, now: float, booking: Booking, answer: Answer) -> None:
        if booking in self.under_way:
            self.under_way.remove(booking)
        self.leave_out_what_is_sold(now, booking)
        refusal = booking.refused or self.booking_refused(now, booking)
        if refusal:
            refused(answer, *refusal)
            self.give_back(booking)
            return
        status, shown = answer
        assert status == 201, answer
        tickets = shown if booking.hold else [shown]
        assert sorted((t["row"], t["seat"]) for t in tickets) == sorted(booking.seats)
        for ticket in tickets:
            seat = ticket["row"], ticket["seat"]
            assert ticket["user"] == booking.user
            assert ticket["ticket_status"]["name"] == "booked"
            lock = self.lock(now, seat)
            assert not lock or lock.user == booking.user, "a seat that is promised to another"
            self.tickets[ticket["id"]] = Ticket(booking.user, seat)
            if lock and lock.name == booking.lock:
                del self.locks[seat]
        if hold := self.holds.get(booking.lock):
            hold.seats = [seat for seat in hold.seats if seat not in booking.seats]
            hold.ended = hold.ended or not hold.seats

    def leave_out_what_is_sold(self, now: float, booking: Booking) -> None:
        """A seat booked by itself has left the hold; the others are still held, and booked."""
        hold = self.holds.get(booking.hold or "")
        if hold and self.lives(now, hold) and not booking.refused and booking.valid_until > now:
            booking.seats = list(hold.seats)

    def booking_refused(self, now: float, booking: Booking) -> tuple[int, str] | None:
        over = (410, "hold_expired") if booking.hold else None
        if self.late(now):
            return over or (409, "book_too_late_error")
        if booking.valid_until <= now:
            if booking.hold and not self.lives(now, self.holds[booking.hold]):
                return over
            return 503, "service_unavailable"
        if any(seat in self.sold() for seat in booking.seats):
            return over or (409, "wrong_seat_error")
        return None

    def give_back(self, booking: Booking) -> None:
        for seat in booking.seats:
            lock = self.locks.get(seat)
            if lock and lock.name == booking.lock not in self.holds and not lock.shared:
                del self.locks[seat]

    # Tickets --------------------------------------------------------------------------------

    def pay(self, now: float, user: int, number: int, answer: Answer) -> None:
        ticket = self.tickets[number]
        if ticket.user != user:
            refused(answer, 404, "not_found")
        elif ticket.status == "paid":
            refused(answer, 409, "already_paid_error")
        elif ticket.status != "booked":
            refused(answer, 409, "ticket_ended")
        elif self.late(now):
            refused(answer, 409, "book_too_late_error")
        else:
            assert answer[0] == 200, answer
            assert answer[1]["ticket_status"]["name"] == "paid"
            ticket.status = "paid"

    def cancel(self, user: int, number: int, answer: Answer) -> None:
        ticket = self.tickets[number]
        if ticket.user != user:
            refused(answer, 404, "not_found")
        elif ticket.status == "paid":
            refused(answer, 409, "delete_paid_ticket_error")
        elif ticket.status != "booked":
            refused(answer, 409, "ticket_ended")
        else:
            assert answer == (204, None)
            ticket.status = "cancelled"

    def sweep(self, now: float) -> None:
        for ticket in self.tickets.values():
            if ticket.status == "booked" and self.late(now):
                ticket.status = "expired"

    def lose_redis(self) -> None:
        self.locks.clear()
        for hold in self.holds.values():
            hold.ended = True

    # What is to be seen ---------------------------------------------------------------------

    def sold(self) -> dict[Seat, int]:
        live = (ticket for ticket in self.tickets.values() if ticket.status in ("booked", "paid"))
        return {ticket.seat: ticket.user for ticket in live}

    def seat_map(self, now: float) -> dict[Seat, tuple[str, int]]:
        held = {seat: ("held", lock.user) for seat, lock in self.locks.items() if lock.until > now}
        return held | {seat: ("sold", user) for seat, user in self.sold().items()}

    def free(self, now: float) -> list[Seat]:
        everything = {(row, seat) for row in range(1, ROWS + 1) for seat in range(1, SEATS + 1)}
        return sorted(everything - self.seat_map(now).keys())

    def listed(
        self, user: int | None, statuses: Collection[str]
    ) -> list[tuple[int, int, Seat, str]]:
        return [
            (number, ticket.user, ticket.seat, ticket.status)
            for number, ticket in sorted(self.tickets.items())
            if user in (None, ticket.user) and ticket.status in statuses
        ]

    def seats_to_limit(self, now: float, user: int) -> int:
        return LIMIT - sum(
            len(hold.seats)
            for hold in self.holds.values()
            if hold.user == user and self.lives(now, hold)
        )

    def pick_hold(self, now: float, pick: int, user: int | None) -> tuple[str, int]:
        """A hold, and somebody: its owner, where nobody is named.

        Half of the time it is the last one that lives: what is done is then done to the same.
        """
        alive = [name for name, hold in self.holds.items() if self.lives(now, hold)]
        name = alive[-1] if alive and pick % 2 else list(self.holds)[pick // 2 % len(self.holds)]
        return name, user or self.holds[name].user

    def pick_ticket(self, pick: int, user: int | None) -> tuple[int, int]:
        number = list(self.tickets)[pick % len(self.tickets)]
        return number, user or self.tickets[number].user


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer[0], (answer[1] or {}).get("code")) == (status, code), answer


def assert_near(actual: float, expected: float) -> None:
    assert -0.1 < actual - expected < TOLERANCE, (actual, expected)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
