"""Changing a session, exactly: with a ticketing that agrees, refuses, is late, or says nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from catalog_service.screenings import changes

from tests.integration.catalog.conftest import Catalog, at
from tests.integration.catalog.ticketing_double import TicketingDouble

CREATED, CHANGED, REMOVED = "created", "changed", "removed"


@pytest.fixture
async def session(catalog: Catalog, ticketing: TicketingDouble) -> AsyncIterator[Any]:
    """A session of which no change is left under way, whatever a test does."""
    session = await catalog.session()
    yield session
    rows = await catalog.sql("SELECT change_id FROM screenings WHERE id = :id", id=session["id"])
    assert [row.change_id for row in rows] in ([], [None])


def path(session: Any) -> str:
    return f"session/{session['id']}"


async def abandon(catalog: Catalog, session: Any, *, seconds: int) -> None:
    """As an API leaves it that died after it had noted its change, so long ago."""
    await catalog.sql(
        "UPDATE screenings SET change_id = :change,"
        " change_started_at = now() - make_interval(secs => :seconds) WHERE id = :id",
        change=uuid.uuid4(),
        seconds=seconds,
        id=session["id"],
    )


async def test_what_was_left_out_is_kept(
    catalog: Catalog, ticketing: TicketingDouble, session: Any
) -> None:
    for change, shown in (
        ({"price": 13}, {"price": "13.00"}),
        ({"started_at": at("15:00")}, {"started_at": at("15:00")}),
        ({"hall": await catalog.hall(row_count=2, seat_count=2)}, {"seats_total": 4}),
        ({"movie": await catalog.movie(duration="02:00:00")}, {}),
        ({}, {}),
    ):
        session |= change | shown
        assert await catalog.call("PATCH", f"{path(session)}/", change) == (200, session)
    assert await catalog.call("GET", path(session)) == (200, session)
    assert (await catalog.data(path(session)))["ends_at"] == at("17:00")
    assert await catalog.events(path(session)) == [
        (CREATED, 1),
        *((CHANGED, version) for version in range(2, 7)),
    ]
    # Always asked, also for what changes nothing; of the session as it was.
    assert [command.version for command in ticketing.asked] == [1, 2, 3, 4, 5]
    assert [command.session.price for command in ticketing.asked[:2]] == ["9.50", "13.00"]


async def test_what_was_fetched_can_be_put_back(catalog: Catalog, session: Any) -> None:
    session["price"] = "1.00"
    sent = session | {"tickets": [{"row": 1, "seat": 1}], "seats_taken": 300, "seats_total": 0}
    assert await catalog.call("PUT", f"{path(session)}/", sent) == (200, session)
    del sent["started_at"]
    assert (await catalog.call("PUT", f"{path(session)}/", sent))[0] == 422


async def test_it_may_overlap_itself(catalog: Catalog, session: Any) -> None:
    assert (await catalog.call("PATCH", path(session), {"started_at": at("12:30")}))[0] == 200


async def test_removed(catalog: Catalog, session: Any) -> None:
    assert await catalog.call("DELETE", f"{path(session)}/") == (204, None)
    assert (await catalog.call("GET", path(session)))[0] == 404
    assert (await catalog.call("DELETE", path(session)))[0] == 404
    assert (await catalog.call("PATCH", path(session), {}))[0] == 404
    assert await catalog.events(path(session)) == [(CREATED, 1), (REMOVED, 2)]
    # The hall is as if it had never had a session.
    assert (await catalog.call("DELETE", f"hall/{session['hall']}"))[0] == 204


@pytest.mark.parametrize(("method", "body"), [("DELETE", None), ("PATCH", {"price": 1})])
async def test_not_with_tickets(
    catalog: Catalog, ticketing: TicketingDouble, session: Any, method: str, body: Any
) -> None:
    ticketing.outcome = "has_tickets"
    status, problem = await catalog.call(method, path(session), body)
    assert (status, problem["code"]) == (409, "delete_change_error")
    assert await catalog.call("GET", path(session)) == (200, session)
    # The command might be delivered again, when the tickets are gone: the event undoes that.
    assert await catalog.events(path(session)) == [(CREATED, 1), (CHANGED, 2)]


async def test_a_refusal_after_closing_reopens(
    catalog: Catalog, ticketing: TicketingDouble, session: Any
) -> None:
    other = await catalog.session(hall=session["hall"], started_at=at("18:00"))
    status, problem = await catalog.call("PATCH", path(session), {"started_at": at("17:00")})
    assert (status, problem["code"]) == (409, "session_intersect_error")
    assert problem["conflicts_with"] == other["id"]
    assert len(ticketing.asked) == 1
    assert await catalog.call("GET", path(session)) == (200, session)
    assert await catalog.events(path(session)) == [(CREATED, 1), (CHANGED, 2)]
    assert (await catalog.data(path(session)))["started_at"] == session["started_at"]


async def test_a_refusal_before_closing_tells_nobody(
    catalog: Catalog, ticketing: TicketingDouble, session: Any
) -> None:
    assert (await catalog.call("PATCH", path(session), {"started_at": at("07:00")}))[0] == 422
    assert ticketing.asked == []
    assert await catalog.events(path(session)) == [(CREATED, 1)]


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
@pytest.mark.parametrize("how", ["late", "outdated", "failing"])
async def test_an_answer_that_says_nothing(
    catalog: Catalog, ticketing: TicketingDouble, session: Any, method: str, how: str
) -> None:
    """Whether the session is closed is unknown then, so an event reopens it."""
    if how == "late":
        ticketing.delay = 2
    elif how == "outdated":
        ticketing.outcome = "outdated"
    else:
        ticketing.meanwhile = _fail
    started = asyncio.get_running_loop().time()
    body = {"price": 1} if method == "PATCH" else None
    status, problem, headers = await catalog.exchange(method, path(session), body)
    assert (status, problem["code"]) == (503, "service_unavailable")
    assert headers["Retry-After"] == "1"
    assert asyncio.get_running_loop().time() - started < 2
    assert await catalog.call("GET", path(session)) == (200, session)
    assert await catalog.events(path(session)) == [(CREATED, 1), (CHANGED, 2)]


async def _fail() -> None:
    raise RuntimeError("a bug in ticketing")


async def test_two_who_change_it_take_turns(
    catalog: Catalog, ticketing: TicketingDouble, session: Any
) -> None:
    ticketing.delay = 0.2
    answers = await asyncio.gather(
        *(catalog.call("PATCH", path(session), {"price": price}) for price in (1, 2, 3, 4))
    )
    assert [status for status, _ in answers] == [200] * 4
    assert [command.version for command in ticketing.asked] == [1, 2, 3, 4]
    assert len({answer["price"] for _, answer in answers}) == 4


async def test_one_who_waits_too_long_is_told(
    catalog: Catalog, ticketing: TicketingDouble, session: Any
) -> None:
    await abandon(catalog, session, seconds=0)
    status, problem, headers = await catalog.exchange("PATCH", path(session), {"price": 1})
    assert (status, problem["code"]) == (503, "service_unavailable")
    assert "Retry-After" in headers
    await abandon(catalog, session, seconds=11)
    await changes.reopen_abandoned(catalog.database)


async def test_an_abandoned_change_is_ended_by_a_worker(catalog: Catalog, session: Any) -> None:
    await abandon(catalog, session, seconds=9)
    await changes.reopen_abandoned(catalog.database)
    assert await catalog.events(path(session)) == [(CREATED, 1)]
    await abandon(catalog, session, seconds=11)
    await asyncio.gather(*(changes.reopen_abandoned(catalog.database) for _ in range(5)))
    assert await catalog.events(path(session)) == [(CREATED, 1), (CHANGED, 2)]


async def test_an_abandoned_change_is_taken_over(
    catalog: Catalog, ticketing: TicketingDouble, session: Any
) -> None:
    """By an event of its own first: its command may still be on its way."""
    await abandon(catalog, session, seconds=11)
    assert (await catalog.call("PATCH", path(session), {"price": 1}))[0] == 200
    assert [command.version for command in ticketing.asked] == [2]
    assert await catalog.events(path(session)) == [(CREATED, 1), (CHANGED, 2), (CHANGED, 3)]


async def test_one_who_slept_has_lost_the_change(
    catalog: Catalog, ticketing: TicketingDouble, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen between its two transactions, and woken when a worker has ended its change."""
    declare = changes.Changes._declare

    async def declare_and_sleep(self: changes.Changes, screening_id: int) -> changes.Intent:
        intent = await declare(self, screening_id)
        await catalog.sql(
            "UPDATE screenings SET change_started_at = now() - interval '11 s' WHERE id = :id",
            id=session["id"],
        )
        await changes.reopen_abandoned(catalog.database)
        return intent

    monkeypatch.setattr(changes.Changes, "_declare", declare_and_sleep)
    assert (await catalog.call("DELETE", path(session)))[0] == 503
    assert ticketing.asked == []
    assert await catalog.call("GET", path(session)) == (200, session)
    assert await catalog.events(path(session)) == [(CREATED, 1), (CHANGED, 2)]


async def test_a_crash_after_closing_leaves_a_trace(
    catalog: Catalog, ticketing: TicketingDouble, session: Any
) -> None:
    """The API dies while ticketing has closed the session and nothing is committed yet."""

    async def kill() -> None:
        await catalog.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'catalog-api' AND state = 'idle in transaction'"
        )

    ticketing.meanwhile = kill
    assert (await catalog.call("DELETE", path(session)))[0] == 503
    [row] = await catalog.sql("SELECT * FROM screenings WHERE id = :id", id=session["id"])
    assert row.change_id is not None
    assert row.version == 1

    await catalog.sql(
        "UPDATE screenings SET change_started_at = now() - interval '11 s' WHERE id = :id",
        id=session["id"],
    )
    await changes.reopen_abandoned(catalog.database)
    assert await catalog.events(path(session)) == [(CREATED, 1), (CHANGED, 2)]


async def test_a_rename_meanwhile_waits_and_is_told(
    catalog: Catalog, ticketing: TicketingDouble, session: Any
) -> None:
    """Its event must not reopen a session that is just being closed."""
    ticketing.delay = 0.5
    change = asyncio.create_task(catalog.call("PATCH", path(session), {"price": 1}))
    await asyncio.sleep(0.2)
    hall = f"hall/{session['hall']}"
    assert (await catalog.call("PATCH", hall, {"name": "Renamed meanwhile"}))[0] == 200
    assert (await change)[0] == 200
    assert await catalog.events(path(session)) == [(CREATED, 1), (CHANGED, 2), (CHANGED, 3)]
    last = await catalog.data(path(session))
    assert (last["hall"]["name"], last["price"]) == ("Renamed meanwhile", "1.00")
