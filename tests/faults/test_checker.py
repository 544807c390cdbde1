"""The checker on seats and tickets: what is right passes, and each kind of violation is found."""

import pytest

from tests.faults.story import ANNA, BERT, SEAT, SESSION, Story


@pytest.fixture
def story() -> Story:
    return Story()


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
        story.pay(n, BERT, 8.0)
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
    story.pay(2, BERT, 4.0)
    assert story.rules() == set()


def test_bookings_at_once_with_cancellations_at_once_can_be_put_in_order(story: Story) -> None:
    for ticket, start in ((1, 1.0), (2, 1.05), (3, 1.1)):
        story.book(ticket, ANNA, start)
        story.calls[-1].end = 5.0
        story.cancel(ticket, BERT, start + 0.01)
        story.calls[-1].user = ANNA
    assert story.rules() == set()


def test_three_who_fit_in_pairs_but_not_together(story: Story) -> None:
    """Each two could have had the seat in turns; between 1.3 and 2.0 all three must."""
    for ticket, leaves in ((1, 1.9), (2, 1.9), (3, 1.9)):
        story.book(ticket, ANNA, 1.0)
        story.calls[-1].end = 2.0
        story.cancel(ticket, ANNA, leaves)
    assert story.rules() == set()  # as the first leaves at 1.9, the others still can come
    for ticket in (1, 2, 3):
        story.calls[2 * ticket - 2].end = (1.95, 2.0, 2.05)[ticket - 1]
        story.calls[2 * ticket - 1].start = (1.96, 1.99, 1.5)[ticket - 1]
        story.ended(ticket, "cancelled", (1.97, 2.0, 1.6)[ticket - 1])
    assert story.rules() == set()
    story.calls[1].start = 2.01  # the first now stays until the second must have begun
    story.ended(1, "cancelled", 2.1)
    assert story.rules() == {"double sale"}


def test_a_ticket_that_was_lost(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    del story.state.tickets[1]
    assert story.rules() == {"lost"}


def test_a_ticket_that_its_owner_cannot_find(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.pay(1, ANNA, 2.0)
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
    story.pay(1, ANNA, 3.0)
    assert story.rules() == {"state"}


def test_somebody_elses_ticket(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.pay(1, BERT, 2.0)
    assert story.rules() == {"not yours"}


def test_booked_and_paid_too_late(story: Story) -> None:
    story.book(1, ANNA, 901.0)
    story.pay(1, ANNA, 902.0)
    assert story.rules() == {"too late"}


def test_a_booking_that_does_not_lapse(story: Story) -> None:
    story.book(1, ANNA, 1.0)
    story.ended(1, "booked")
    assert story.rules() == {"lapse"}
