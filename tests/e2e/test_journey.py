"""The main job through the gateway: scheduled, booked, paid, seen; and each kind of refusal."""

import asyncio
import random
from typing import Any

from tests.e2e.conftest import Client


async def test_a_ticket_is_scheduled_booked_and_paid(
    staff: Client, customer: Client, rival: Client, anonymous: Client
) -> None:
    session = await staff.session()
    seat = {"session": session, "row": 3, "seat": 7}
    status, ticket = await customer.call("POST", "book/", seat)
    assert (status, ticket["ticket_status"]["name"], ticket["price"]) == (201, "booked", "9.50")

    # A customer who books and then reads the session sees the seat, within 2 s at the latest.
    shown = await anonymous.until(f"session/{session}/", lambda _, body: body["tickets"])
    assert shown["tickets"] == [{"row": 3, "seat": 7}]
    assert (shown["seats_taken"], shown["seats_total"]) == (1, 300)

    status, problem = await rival.call("POST", "book/", seat)
    assert (status, problem["code"]) == (409, "wrong_seat_error")
    assert (await rival.call("PATCH", f"pay/{ticket['id']}/"))[0] == 404
    assert (await rival.call("DELETE", f"ticket/{ticket['id']}/"))[0] == 404
    assert (await anonymous.call("POST", "book/", seat))[0] == 401

    status, paid = await customer.call("PATCH", f"pay/{ticket['id']}/")
    assert (status, paid["ticket_status"]["name"]) == (200, "paid")
    status, mine = await customer.call("GET", "ticket/")
    assert mine == [paid]
    assert paid in (await staff.call("GET", f"ticket/?session={session}"))[1]


async def test_a_basket_is_held_booked_and_paid(
    staff: Client, customer: Client, rival: Client
) -> None:
    session = await staff.session()
    seats = [{"row": 2, "seat": 1}, {"row": 2, "seat": 2}]
    basket = {"session": session, "seats": seats}
    status, hold = await customer.call("POST", "hold/", basket)
    assert (status, hold["seats"]) == (201, seats)
    status, problem = await rival.call("POST", "hold/", {"session": session, "seats": seats[1:]})
    assert (status, problem["code"], problem["seats"]) == (409, "seats_unavailable", seats[1:])
    assert (await rival.call("POST", "book/", {"session": session, **seats[0]}))[0] == 409
    assert (await rival.call("POST", "book/", {"hold": hold["id"]}))[0] == 404
    status, longer = await customer.call("PATCH", f"hold/{hold['id']}/")
    assert (status, longer["expires_at"] > hold["expires_at"]) == (200, True)
    status, tickets = await customer.call("POST", "book/", {"hold": hold["id"]})
    assert (status, len(tickets)) == (201, 2)
    for ticket in tickets:
        assert (await customer.call("PATCH", f"pay/{ticket['id']}/"))[0] == 200
    status, problem = await customer.call("GET", f"hold/{hold['id']}/")
    assert (status, problem["code"]) == (410, "hold_expired")
    _, shown = await rival.call("GET", f"session/{session}/seats/")
    assert shown["taken"] == [{**seat, "state": "sold"} for seat in seats]


async def test_a_cancelled_seat_is_free_again_for_all_to_see(
    staff: Client, customer: Client, rival: Client
) -> None:
    session = await staff.session()
    seat = {"session": session, "row": 1, "seat": 1}
    _, ticket = await customer.call("POST", "book/", seat)
    await customer.until(f"session/{session}/", lambda _, body: body["seats_taken"] == 1)
    assert (await customer.call("DELETE", f"ticket/{ticket['id']}/"))[0] == 204
    await customer.until(f"session/{session}/", lambda _, body: body["seats_taken"] == 0)
    assert (await rival.call("POST", "book/", seat))[0] == 201


async def test_a_session_with_tickets_stays_as_it_is(staff: Client, customer: Client) -> None:
    session = await staff.session()
    _, ticket = await customer.call("POST", "book/", {"session": session, "row": 1, "seat": 1})
    for method, body in (("DELETE", None), ("PATCH", {"price": "1.00"})):
        status, problem = await staff.call(method, f"session/{session}/", body)
        assert (status, problem["code"]) == (409, "delete_change_error")
    await customer.call("DELETE", f"ticket/{ticket['id']}/")
    status, changed = await staff.call("PATCH", f"session/{session}/", {"price": "11"})
    assert (status, changed["price"]) == (200, "11.00")

    async def book() -> str:
        _, ticket = await customer.call("POST", "book/", {"session": session, "row": 1, "seat": 2})
        await customer.call("DELETE", f"ticket/{ticket['id']}/")
        return str(ticket["price"])

    async with asyncio.timeout(2):
        while await book() != "11.00":
            await asyncio.sleep(0.02)
    assert (await staff.call("DELETE", f"session/{session}/"))[0] == 204
    assert (await staff.call("GET", f"session/{session}/"))[0] == 404
    await customer.until(f"session/{session}/seats/", lambda status, _: status == 404)


async def test_64_customers_after_one_seat(staff: Client, customer: Client) -> None:
    session = await staff.session()
    seat = {"session": session, "row": 1, "seat": 1}
    answers = await asyncio.gather(*(customer.call("POST", "book/", seat) for _ in range(64)))
    assert sorted(status for status, _ in answers) == [201] + [409] * 63


async def test_removals_race_with_bookings(staff: Client, customer: Client) -> None:
    """No interleaving leaves a ticket on a removed session, nor removes one that has a ticket."""
    chance = random.Random(11)
    removed = kept = 0
    for number in range(200):
        session = await staff.session()

        async def book(seat: int, session: int = session) -> tuple[int, Any]:
            await asyncio.sleep(chance.uniform(0, 0.08))
            body = {"session": session, "row": 1, "seat": seat}
            answer: tuple[int, Any] = await customer.call("POST", "book/", body)
            return answer

        (status, _), *answers = await asyncio.gather(
            staff.call("DELETE", f"session/{session}/"), book(1), book(2)
        )
        assert {answer for answer, _ in answers} <= {201, 404, 503}
        booked = [ticket for answer, ticket in answers if answer == 201]
        assert status == (409 if booked else 204), f"round {number}: {status} with {booked}"
        removed += status == 204
        kept += status == 409
    print(f"200 rounds: removed {removed}, kept for its tickets {kept}")
    assert min(removed, kept) >= 10, "the race was not close enough to show anything"


async def test_every_kind_of_refusal(staff: Client, customer: Client, anonymous: Client) -> None:
    expected = [
        (anonymous, "GET", "current_user/", None, 401, "unauthorized"),
        (customer, "POST", "movie/", {"name": "X", "duration": "01:00:00"}, 403, "forbidden"),
        (customer, "GET", "nowhere/", None, 404, "not_found"),
        (customer, "PUT", "book/", {}, 405, "method_not_allowed"),
        (staff, "DELETE", "hall/1/", None, 409, "delete_change_error"),
        (customer, "POST", "book/", {"session": 1}, 422, "validation_error"),
    ]
    await staff.session()
    for client, method, path, body, status, code in expected:
        answer = await client.call(method, path, body)
        assert (answer[0], answer[1]["code"]) == (status, code), f"{method} {path}"
        assert answer[1]["detail"]
