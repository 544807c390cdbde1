"""The copy of the programme, and closing a screening while people book it."""

import asyncio
import random
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from cinema_shared.events.catalog import SessionData
from ticketing_service.screenings import service
from ticketing_service.tickets import booking, errors

from tests.integration.ticketing.conftest import Ticketing, session_data


async def close(ticketing: Ticketing, session: SessionData, version: int = 1) -> str:
    async with ticketing.database.transaction() as transaction:
        return await service.close(transaction, session, version)


async def apply(ticketing: Ticketing, session: SessionData, version: int, **how: Any) -> None:
    async with ticketing.database.transaction() as transaction:
        await service.apply(transaction, session, version, **how)


async def live_tickets(ticketing: Ticketing, session: int) -> int:
    _, seats = await ticketing.call("GET", f"/session/{session}/seats")
    return len(seats["taken"])


async def book(ticketing: Ticketing, session: int, seat: int) -> bool:
    """Straight at the service, without the waiting that the API does."""
    try:
        async with ticketing.database.transaction() as transaction:
            await booking.book(
                transaction,
                screening_id=session,
                seats=[(1, seat)],
                user_id=1,
                valid_until=datetime.now(UTC) + timedelta(minutes=1),
                sales_end=timedelta(hours=2),
            )
    except errors.SessionBeingChanged:
        return False
    return True


async def test_200_closings_race_with_bookings(ticketing: Ticketing) -> None:
    """Either it is closed and nobody has a ticket, or somebody has one and it stays on sale."""
    chance = random.Random(7)
    outcomes = {"closed": 0, "has_tickets": 0}
    for number in range(200):
        session = await ticketing.put_on_sale()

        async def within(seconds: float, work: Coroutine[Any, Any, Any]) -> Any:
            await asyncio.sleep(chance.uniform(0, seconds))
            return await work

        outcome, *bookings = await asyncio.gather(
            within(0.003, close(ticketing, session_data(session))),
            *(within(0.02, book(ticketing, session, seat)) for seat in (1, 2)),
        )
        assert await live_tickets(ticketing, session) == sum(bookings)
        assert (outcome == "closed") == (sum(bookings) == 0), f"round {number}: {outcome}"
        outcomes[outcome] += 1
    print(f"200 rounds: {outcomes}")
    assert min(outcomes.values()) >= 10, "the race was not close enough to show anything"


async def test_a_closed_screening_reopens_with_a_newer_word_only(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    assert await close(ticketing, session_data(session)) == "closed"
    await apply(ticketing, session_data(session), 1)  # the event of version 1, delivered again
    status, problem = await ticketing.book(session)
    assert (status, problem["code"]) == (503, "service_unavailable")
    await apply(ticketing, session_data(session, price="20.00"), 2)
    status, ticket = await ticketing.book(session)
    assert (status, ticket["price"]) == (201, "20.00")


async def test_a_booking_waits_for_a_change_to_end(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    await close(ticketing, session_data(session))
    booking = asyncio.create_task(ticketing.book(session))
    await asyncio.sleep(0.1)
    await apply(ticketing, session_data(session), 2)
    assert (await booking)[0] == 201


async def test_a_command_that_comes_too_late_closes_nothing(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    await apply(ticketing, session_data(session), 2)
    assert await close(ticketing, session_data(session), 1) == "outdated"
    assert (await ticketing.book(session))[0] == 201


async def test_a_command_may_come_before_the_event(ticketing: Ticketing) -> None:
    assert await close(ticketing, session_data(900_001), 3) == "closed"
    await apply(ticketing, session_data(900_001), 3)
    assert (await ticketing.book(900_001))[0] == 503


async def test_a_removed_session_is_unknown_but_its_tickets_stay_on_record(
    ticketing: Ticketing,
) -> None:
    session = await ticketing.put_on_sale()
    _, ticket = await ticketing.book(session, user=8)
    await ticketing.call("DELETE", f"/ticket/{ticket['id']}", user=8)
    assert await close(ticketing, session_data(session)) == "closed"
    await apply(ticketing, session_data(session), 2, removed=True)
    assert (await ticketing.book(session))[0] == 404
    async with asyncio.timeout(2):  # as long as the contract gives a change
        while (await ticketing.call("GET", f"/session/{session}/seats"))[0] != 404:
            await asyncio.sleep(0.02)
    assert (await ticketing.call("GET", f"/ticket/{ticket['id']}", user=8))[0] == 200
    await apply(ticketing, session_data(session), 1)  # an old event, delivered again
    assert (await ticketing.book(session))[0] == 404
