"""Booking: who may, what is refused and how, and each seat once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.ticketing.conftest import Ticketing


async def test_a_booking_is_a_ticket_at_the_price_of_the_session(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale(price="12.50")
    status, ticket = await ticketing.book(session, 2, 3, user=5)
    assert status == 201
    assert ticket == {
        "id": ticket["id"],
        "user": 5,
        "session": session,
        "ticket_status": {"id": 1, "name": "booked"},
        "row": 2,
        "seat": 3,
        "price": "12.50",
        "booked_at": ticket["booked_at"],
        "paid_at": None,
    }
    assert ticket["booked_at"].endswith("Z")
    assert await ticketing.call("GET", f"/ticket/{ticket['id']}", user=5) == (200, ticket)


async def test_a_taken_seat_is_refused(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    assert (await ticketing.book(session))[0] == 201
    status, problem = await ticketing.book(session)
    assert (status, problem["code"]) == (409, "wrong_seat_error")


@pytest.mark.parametrize(("row", "seat"), [(0, 1), (11, 1), (1, 0), (1, 31), (-1, 5), (1, 10**9)])
async def test_a_seat_that_the_hall_has_not(ticketing: Ticketing, row: int, seat: int) -> None:
    session = await ticketing.put_on_sale()
    status, problem = await ticketing.book(session, row, seat)
    assert (status, problem["code"]) == (422, "wrong_seat_error")


@pytest.mark.parametrize(
    "extra", [{"price": "1.00"}, {"status": 2}, {"user_id": 3}, {"row": True}, {"seat": "0x10"}]
)
async def test_a_body_that_says_too_much_or_nonsense_changes_nothing(
    ticketing: Ticketing, extra: dict[str, object]
) -> None:
    session = await ticketing.put_on_sale()
    before = await ticketing.events()
    status, problem = await ticketing.call(
        "POST", "/book/", user=1, json={"session": session, "row": 1, "seat": 1, **extra}
    )
    assert (status, problem["code"]) == (422, "validation_error")
    assert await ticketing.events() == before


async def test_only_staff_books_for_others(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    body = {"session": session, "row": 1, "seat": 1, "user": 77}
    assert (await ticketing.call("POST", "/book/", user=1, json=body))[0] == 403
    status, ticket = await ticketing.call("POST", "/book/", user=1, staff=True, json=body)
    assert (status, ticket["user"]) == (201, 77)


async def test_an_unknown_session(ticketing: Ticketing) -> None:
    status, problem = await ticketing.book(10**9)
    assert (status, problem["code"]) == (404, "session_not_found")


async def test_booking_ends_two_hours_before_the_start(ticketing: Ticketing) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    late = await ticketing.put_on_sale(started_at=soon - timedelta(seconds=1))
    early = await ticketing.put_on_sale(started_at=soon + timedelta(minutes=1))
    status, problem = await ticketing.book(late)
    assert (status, problem["code"]) == (409, "book_too_late_error")
    assert (await ticketing.book(early))[0] == 201


async def test_without_a_token(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    body = {"session": session, "row": 1, "seat": 1}
    status, problem = await ticketing.call("POST", "/book/", json=body)
    assert (status, problem["code"]) == (401, "unauthorized")


async def test_64_customers_after_one_seat_200_times(ticketing: Ticketing) -> None:
    """One gets it, 63 are told that it is taken; nobody gets an error."""
    rounds, customers = 200, 64
    session = await ticketing.put_on_sale()
    for number in range(rounds):
        row, seat = number // 30 + 1, number % 30 + 1
        answers = await asyncio.gather(
            *(ticketing.book(session, row, seat) for _ in range(customers))
        )
        statuses = sorted(status for status, _ in answers)
        assert statuses == [201] + [409] * (customers - 1), f"round {number}"
        assert {body["code"] for status, body in answers if status == 409} == {"wrong_seat_error"}
