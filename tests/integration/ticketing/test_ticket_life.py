"""A ticket's life: booked, then paid, cancelled or expired, and never anything else."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from ticketing_service.tickets import sweeper

from tests.integration.ticketing.conftest import Ticketing


async def make_late(ticketing: Ticketing, session: int) -> None:
    async with ticketing.database.transaction() as transaction:
        await transaction.execute(
            text("UPDATE screenings SET starts_at = now() + interval '1 hour' WHERE id = :id"),
            {"id": session},
        )


async def booked(ticketing: Ticketing, user: int = 1) -> tuple[int, dict[str, Any]]:
    session = await ticketing.put_on_sale()
    status, ticket = await ticketing.book(session, user=user)
    assert status == 201
    return session, ticket


async def test_paying(ticketing: Ticketing) -> None:
    _, ticket = await booked(ticketing)
    status, paid = await ticketing.call("PATCH", f"/pay/{ticket['id']}/", user=1)
    assert status == 200
    assert paid["ticket_status"] == {"id": 2, "name": "paid"}
    assert paid["paid_at"] >= paid["booked_at"]
    status, problem = await ticketing.call("PATCH", f"/pay/{ticket['id']}/", user=1)
    assert (status, problem["code"]) == (409, "already_paid_error")
    status, problem = await ticketing.call("DELETE", f"/ticket/{ticket['id']}/", user=1)
    assert (status, problem["code"]) == (409, "delete_paid_ticket_error")
    assert (await ticketing.events())[-2:] == ["cinema.ticket.booked.v1", "cinema.ticket.paid.v1"]


async def test_cancelling_frees_the_seat_at_once(ticketing: Ticketing) -> None:
    session, ticket = await booked(ticketing)
    assert await ticketing.call("DELETE", f"/ticket/{ticket['id']}/", user=1) == (204, None)
    assert (await ticketing.book(session, user=2))[0] == 201
    for method, path in (("DELETE", "/ticket"), ("PATCH", "/pay")):
        status, problem = await ticketing.call(method, f"{path}/{ticket['id']}", user=1)
        assert (status, problem["code"]) == (409, "ticket_ended")
    status, shown = await ticketing.call("GET", f"/ticket/{ticket['id']}", user=1)
    assert (status, shown["ticket_status"]["name"]) == (200, "cancelled")


async def test_paying_too_late(ticketing: Ticketing) -> None:
    session, ticket = await booked(ticketing)
    await make_late(ticketing, session)
    status, problem = await ticketing.call("PATCH", f"/pay/{ticket['id']}", user=1)
    assert (status, problem["code"]) == (409, "book_too_late_error")


async def test_what_nobody_paid_expires_and_what_is_paid_stays(ticketing: Ticketing) -> None:
    session, unpaid = await booked(ticketing)
    _, paid = await ticketing.book(session, 1, 2, user=1)
    await ticketing.call("PATCH", f"/pay/{paid['id']}", user=1)
    hours = timedelta(hours=2)
    await sweeper.expire_unpaid(ticketing.database, hours)
    assert (await ticketing.call("GET", f"/ticket/{unpaid['id']}", user=1))[1]["ticket_status"][
        "name"
    ] == "booked"
    await make_late(ticketing, session)
    before = (await ticketing.events()).count("cinema.ticket.expired.v1")
    await asyncio.gather(*(sweeper.expire_unpaid(ticketing.database, hours) for _ in range(5)))
    names = [
        (await ticketing.call("GET", f"/ticket/{t['id']}", user=1))[1]["ticket_status"]["name"]
        for t in (unpaid, paid)
    ]
    assert names == ["expired", "paid"]
    assert (await ticketing.events()).count("cinema.ticket.expired.v1") == before + 1
    status, problem = await ticketing.call("PATCH", f"/pay/{unpaid['id']}", user=1)
    assert (status, problem["code"]) == (409, "ticket_ended")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/ticket"), ("DELETE", "/ticket"), ("PATCH", "/pay")]
)
async def test_anothers_ticket_is_as_if_it_were_not_there(
    ticketing: Ticketing, method: str, path: str
) -> None:
    _, ticket = await booked(ticketing, user=1)
    status, problem = await ticketing.call(method, f"{path}/{ticket['id']}", user=2)
    assert (status, problem["code"]) == (404, "not_found")
    assert (await ticketing.call("GET", f"/ticket/{ticket['id']}", user=1))[1] == ticket
    assert (await ticketing.call(method, f"{path}/{ticket['id']}", user=2, staff=True))[0] < 300


async def test_paying_and_cancelling_at_once_have_one_winner(ticketing: Ticketing) -> None:
    for number in range(50):
        session = await ticketing.put_on_sale()
        _, ticket = await ticketing.book(session, user=1)
        answers = await asyncio.gather(
            *(
                ticketing.call(method, f"{path}/{ticket['id']}", user=1)
                for method, path in [("PATCH", "/pay"), ("DELETE", "/ticket")] * 4
            )
        )
        winners = [status for status, _ in answers if status < 300]
        assert len(winners) == 1, f"round {number}: {answers}"
        assert {status for status, _ in answers if status >= 300} == {409}


async def test_lists_show_the_live_ones_of_the_caller_in_pages(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    made = [(await ticketing.book(session, 1, seat, user=31))[1] for seat in range(1, 8)]
    await ticketing.book(session, 2, 1, user=32)
    await ticketing.call("DELETE", f"/ticket/{made[0]['id']}", user=31)
    query = f"session={session}"
    status, live = await ticketing.call("GET", f"/ticket/?{query}", user=31)
    assert (status, [t["id"] for t in live]) == (200, [t["id"] for t in made[1:]])
    assert len((await ticketing.call("GET", f"/ticket/?{query}", user=9, staff=True))[1]) == 7
    assert len((await ticketing.call("GET", f"/ticket/?{query}&status=cancelled", user=31))[1]) == 1

    headers = ticketing.issuer.bearer(31)
    path, seen = f"/ticket/?{query}&limit=4", []
    while path:
        async with ticketing.client.get(ticketing.url + path, headers=headers) as response:
            seen += [ticket["id"] for ticket in await response.json()]
            link = response.headers.get("Link", "")
        path = link[1 : link.index(">")] if link else ""
    assert seen == [t["id"] for t in made[1:]]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=rubbish", "status=lost", "colour=red"]
)
async def test_a_query_that_makes_no_sense(ticketing: Ticketing, query: str) -> None:
    status, problem = await ticketing.call("GET", f"/ticket/?{query}", user=1)
    assert (status, problem["code"]) == (422, "validation_error")


async def test_the_seat_map(ticketing: Ticketing) -> None:
    session = await ticketing.put_on_sale()
    status, empty = await ticketing.call("GET", f"/session/{session}/seats/")
    assert status == 200
    assert empty == {
        "session": session,
        "row_count": 10,
        "seat_count": 30,
        "version": empty["version"],
        "taken": [],
    }
    _, ticket = await ticketing.book(session, 3, 4, user=1)
    _, mine = await ticketing.call("GET", f"/session/{session}/seats/", user=1)
    assert mine["taken"] == [{"row": 3, "seat": 4, "state": "sold", "mine": True}]
    _, others = await ticketing.call("GET", f"/session/{session}/seats/", user=2)
    assert others["taken"] == [{"row": 3, "seat": 4, "state": "sold"}]
    await ticketing.call("DELETE", f"/ticket/{ticket['id']}", user=1)
    _, after = await ticketing.call("GET", f"/session/{session}/seats/")
    assert after["taken"] == []
    assert empty["version"] < mine["version"] == others["version"] < after["version"]
    status, problem = await ticketing.call("GET", "/session/999999/seats")
    assert (status, problem["code"]) == (404, "session_not_found")


async def test_the_statuses(ticketing: Ticketing) -> None:
    words = ["booked", "paid", "cancelled", "expired"]
    expected = [{"id": number, "name": word} for number, word in enumerate(words, 1)]
    assert await ticketing.call("GET", "/ticket_status/") == (200, expected)
    async with ticketing.client.get(
        ticketing.url + "/ticket_status/", headers={"Authorization": "Bearer rubbish"}
    ) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
