"""Histories written by hand, for testing the checker."""

from typing import Any

from tests.faults.checker import State, check
from tests.faults.checker.state import TicketRow
from tests.faults.history import Call, Fault, History, Seat, load

ANNA, BERT = 1, 2
SESSION = 7
SEAT = (1, 1)


class Story:
    """A history written line by line; the state at its end follows, unless told otherwise."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.state = State(at=1000.0, closes={SESSION: 900.0})

    def call(self, action: str, user: int, start: float, end: float, **about: Any) -> Call:
        about.setdefault("outcome", "ok")
        call = Call(len(self.calls), user, user, action, start, end, session=SESSION, **about)
        if not call.status:
            call.status = {"ok": 201, "refused": 409, "unknown": 503}[call.outcome]
        if call.outcome == "unknown":
            call.code = "service_unavailable"
        self.calls.append(call)
        return call

    def book(
        self, ticket: int, user: int, start: float, *, seat: Seat = SEAT, **about: Any
    ) -> None:
        """Acknowledged after 0.2 s, and in the table."""
        answer = [
            {
                "id": ticket,
                "user": user,
                "session": SESSION,
                "seat": list(seat),
                "status": "booked",
                "booked": start + 0.1,
            }
        ]
        self.call("book", user, start, start + 0.2, seats=[seat], answer=answer, **about)
        self.row(ticket, user, start + 0.1, seat=seat)

    def row(self, ticket: int, user: int, booked: float, *, seat: Seat = SEAT) -> None:
        self.state.tickets[ticket] = TicketRow(ticket, SESSION, user, seat, "paid", booked)

    def ended(self, ticket: int, status: str, at: float | None = None) -> None:
        row = self.state.tickets[ticket]
        self.state.tickets[ticket] = TicketRow(
            ticket, SESSION, row.user, row.seat, status, row.booked, at
        )

    def pay(self, ticket: int, user: int, start: float, **about: Any) -> None:
        self.call("pay", user, start, start + 0.2, ticket=ticket, **{"status": 200, **about})

    def cancel(self, ticket: int, user: int, start: float, **about: Any) -> None:
        self.call("cancel", user, start, start + 0.2, ticket=ticket, **{"status": 204, **about})
        if about.get("outcome", "ok") == "ok":
            self.ended(ticket, "cancelled", start + 0.1)

    def hold(self, name: str, user: int, start: float, *seats: Seat, **about: Any) -> None:
        """For four seconds."""
        answer = {"id": name, "expires": start + 4.1, "seats": [list(seat) for seat in seats]}
        self.call("hold", user, start, start + 0.2, seats=list(seats), answer=answer, **about)

    def use(self, action: str, name: str, user: int, start: float, **about: Any) -> None:
        status = {"release": 204}.get(action, 200)
        about = {"status": status, "outcome": "ok", **about}
        self.call(action, user, start, start + 0.2, hold=name, **about)

    def fault(self, kind: str, at: float) -> None:
        self.faults.append(Fault("redis", kind, at, at + 0.1))

    def rules(self) -> set[str]:
        history: History = load(self.calls, self.faults)
        return {violation.rule for violation in check(history, self.state)}
