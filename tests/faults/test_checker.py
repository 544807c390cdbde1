"""The checker itself: what is right passes, and each kind of violation is found."""

from typing import Any

import pytest

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
        about.setdefault("action", "book")
        self.call(
            about.pop("action"), user, start, start + 0.2, seats=[seat], answer=answer, **about
        )
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


@pytest.fixture
def story() -> Story:
    return Story()


def paid(story: Story, ticket: int, user: int, at: float) -> None:
    story.pay(ticket, user, at)


def test_an_ordinary_life_is_no_violation(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.call("book", BERT, 1.1, 1.4, seats=[SEAT], outcome="refused", code="wrong_seat_error")
    story.cancel(1, ANNA, 2.0)
    story.hold("h", BERT, 3.0, SEAT, (1, 2))
    story.use("extend", "h", BERT, 4.0, answer={"id": "h", "expires": 8.0, "seats": []})
    answer = [
        {"id": n, "user": BERT, "session": SESSION, "seat": [1, n - 1], "booked": 7.1}
        for n in (2, 3)
    ]
    story.use("book_hold", "h", BERT, 7.0, status=201, answer=answer)
    for n in (2, 3):
        story.row(n, BERT, 7.1, seat=(1, n - 1))
        paid(story, n, BERT, 8.0)
    story.cancel(2, BERT, 9.0, outcome="refused", status=409, code="delete_paid_ticket_error")
    story.state.projected = {2, 3}
    assert story.rules() == set()


def test_two_who_have_one_seat(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.book(2, BERT, 2.0)
    assert "double sale" in story.rules()


def test_two_who_have_one_seat_for_a_while(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.book(2, BERT, 2.0)
    story.cancel(1, ANNA, 3.0)
    story.cancel(2, BERT, 4.0)
    assert story.rules() == {"double sale"}


def test_a_cancellation_that_went_unanswered_allows_both(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.cancel(1, ANNA, 2.0, outcome="unknown", status=503)
    story.ended(1, "cancelled", 2.1)
    story.book(2, BERT, 3.0)
    paid(story, 2, BERT, 4.0)
    assert story.rules() == set()


def test_bookings_at_once_with_cancellations_at_once_can_be_put_in_order(story: Story) -> None:
    for ticket, start in ((1, 1.0), (2, 1.05), (3, 1.1)):
        story.book(ticket, ANNA, start)
        story.calls[-1].end = 5.0
        story.cancel(ticket, BERT, start + 0.01)
        story.calls[-1].user = ANNA
    assert story.rules() == set()


def test_a_ticket_that_was_lost(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    del story.state.tickets[1]
    assert story.rules() == {"lost"}


def test_a_ticket_that_its_owner_cannot_find(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    paid(story, 1, ANNA, 2.0)
    story.pay(1, ANNA, 3.0, outcome="refused", status=404, code="not_found")
    story.pay(1, BERT, 3.0, outcome="refused", status=404, code="not_found")
    assert story.rules() == {"lost"}


def test_a_ticket_that_nobody_asked_for(story: Story) -> None:
    story.row(1, ANNA, 1.0)
    story.ended(1, "booked")
    story.state.closes = {}
    assert story.rules() == {"unasked"}


def test_a_ticket_of_a_booking_that_went_unanswered(story: Story) -> None:
    story.call("book", ANNA, 0.9, 1.1, seats=[SEAT], outcome="unknown")
    story.row(1, ANNA, 1.0)
    story.ended(1, "booked")
    story.state.closes = {}
    assert story.rules() == set()
    # It explains one ticket, not two.
    story.row(2, ANNA, 1.05, seat=SEAT)
    story.ended(2, "cancelled", 1.06)
    story.cancel(2, ANNA, 1.055)
    assert story.rules() == {"unasked"}


def test_paid_and_cancelled(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.pay(1, ANNA, 2.0)
    story.cancel(1, ANNA, 3.0)
    assert story.rules() == {"state"}


def test_cancelled_twice(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.cancel(1, ANNA, 2.0)
    story.cancel(1, ANNA, 3.0)
    assert story.rules() == {"state"}


def test_an_acknowledged_payment_that_did_not_last(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.pay(1, ANNA, 2.0)
    story.ended(1, "expired", 900.0)
    assert story.rules() == {"state"}


def test_a_change_that_nobody_asked_for(story: Story) -> None:
    story.book(1, ANNA, 1.0)  # and the table says that it is paid
    assert story.rules() == {"state"}


def test_a_refusal_without_a_reason(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.cancel(1, ANNA, 2.0, outcome="refused", status=409, code="delete_paid_ticket_error")
    paid(story, 1, ANNA, 3.0)
    assert story.rules() == {"state"}


def test_somebody_elses_ticket(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.pay(1, BERT, 2.0)
    assert story.rules() == {"not yours"}


def test_booked_and_paid_too_late(story: Story) -> None:
    story.book(1, ANNA, 901.0)
    paid(story, 1, ANNA, 902.0)
    assert story.rules() == {"too late"}


def test_a_booking_that_does_not_lapse(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.ended(1, "booked")
    assert story.rules() == {"lapse"}


@pytest.mark.parametrize(
    ("answer", "flaw"),
    [
        ({"outcome": "refused", "status": 500, "code": "internal_error"}, True),
        ({"outcome": "refused", "status": 429, "code": "too_many_requests"}, True),
        ({"outcome": "refused", "status": 404, "code": "session_not_found"}, True),
        ({"outcome": "unknown", "status": 502}, True),
        ({"outcome": "unknown", "flaws": ["503 without Retry-After"]}, True),
        ({"outcome": "refused", "status": 409, "code": "seats_unavailable"}, False),
        ({"outcome": "unknown"}, False),
    ],
)
def test_answers_of_the_contract(story: Story, answer: dict[str, Any], *, flaw: bool) -> None:
    story.call("hold", ANNA, 1.0, 1.2, seats=[SEAT], **answer)
    assert story.rules() == ({"answer"} if flaw else set())


def test_a_request_that_hangs(story: Story) -> None:
    story.call("hold", ANNA, 1.0, 7.5, seats=[SEAT], outcome="unknown")
    assert story.rules() == {"answer"}


def test_the_same_key_and_another_answer(story: Story) -> None:
    story.book(1, ANNA, 1.0, key="k")
    paid(story, 1, ANNA, 3.0)
    refusal = {"outcome": "refused", "code": "wrong_seat_error"}
    story.call("book", ANNA, 2.0, 2.1, seats=[SEAT], key="k", **refusal)
    assert story.rules() == {"key"}


def test_a_retried_booking_whose_first_answer_was_another(story: Story) -> None:
    story.call("book", ANNA, 1.0, 1.5, seats=[SEAT], key="k", outcome="unknown")
    story.row(1, ANNA, 1.2)
    story.ended(1, "booked")
    story.state.closes = {}
    refusal = {"outcome": "refused", "code": "wrong_seat_error"}
    story.call("book", ANNA, 2.0, 2.1, seats=[SEAT], key="k", **refusal)
    assert story.rules() == {"unasked"}


def test_a_retried_booking_with_its_first_answer(story: Story) -> None:
    story.call("book", ANNA, 1.0, 1.5, seats=[SEAT], key="k", outcome="unknown")
    flight = {"outcome": "refused", "code": "idempotency_in_flight"}
    story.call("book", ANNA, 1.6, 1.7, seats=[SEAT], key="k", **flight)
    story.book(1, ANNA, 2.0, key="k")
    story.row(1, ANNA, 1.2)
    paid(story, 1, ANNA, 3.0)
    assert story.rules() == set()
