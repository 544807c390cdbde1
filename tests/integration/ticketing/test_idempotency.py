"""`Idempotency-Key`: one effect, and the first final answer again."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from ticketing_service.idempotency.once import Once
from ticketing_service.screenings import service
from ticketing_service.tickets.selling import Selling

from tests.integration.ticketing.conftest import Ticketing, session_data


def new_key() -> str:
    return uuid.uuid4().hex


async def test_booking_again_with_the_same_key(ticketing: Ticketing) -> None:
    session, key = await ticketing.put_on_sale(), new_key()
    body = {"session": session, "row": 1, "seat": 1}
    first = await ticketing.call("POST", "/book/", user=1, key=key, json=body)
    assert first[0] == 201
    before = await ticketing.events()
    assert await ticketing.call("POST", "/book", user=1, key=key, json=body) == first
    assert await ticketing.events() == before
    # A refusal is as final.
    other = new_key()
    refused = await ticketing.call("POST", "/book/", user=2, key=other, json=body)
    assert (refused[0], refused[1]["code"]) == (409, "wrong_seat_error")
    await ticketing.call("DELETE", f"/ticket/{first[1]['id']}", user=1)
    assert await ticketing.call("POST", "/book/", user=2, key=other, json=body) == refused
    assert (await ticketing.call("POST", "/book/", user=2, json=body))[0] == 201


async def test_a_key_is_for_one_body_one_user_and_one_path(ticketing: Ticketing) -> None:
    session, key = await ticketing.put_on_sale(), new_key()
    body = {"session": session, "row": 1, "seat": 1}
    _, ticket = await ticketing.call("POST", "/book/", user=1, key=key, json=body)
    status, problem = await ticketing.call(
        "POST", "/book/", user=1, key=key, json={**body, "seat": 2}
    )
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    status, theirs = await ticketing.call(
        "POST", "/book/", user=2, key=key, json={**body, "seat": 2}
    )
    assert (status, theirs["user"]) == (201, 2)
    assert (await ticketing.call("PATCH", f"/pay/{ticket['id']}", user=1, key=key))[0] == 200
    assert (await ticketing.hold(session, (1, 9), user=1, key=key))[0] == 201


async def test_paying_again_with_the_same_key(ticketing: Ticketing) -> None:
    session, key = await ticketing.put_on_sale(), new_key()
    _, ticket = await ticketing.book(session, user=1)
    path = f"/pay/{ticket['id']}/"
    first = await ticketing.call("PATCH", path, user=1, key=key)
    assert first[0] == 200
    assert await ticketing.call("PATCH", path, user=1, key=key) == first
    assert (await ticketing.call("PATCH", path, user=1))[1]["code"] == "already_paid_error"


async def test_holding_again_with_the_same_key(ticketing: Ticketing) -> None:
    session, another, key = await ticketing.put_on_sale(), await ticketing.put_on_sale(), new_key()
    first = await ticketing.hold(session, (1, 1), (1, 2), user=1, key=key)
    assert first[0] == 201
    assert await ticketing.hold(session, (1, 1), (1, 2), user=1, key=key) == first
    for reused in (
        await ticketing.hold(session, (1, 3), user=1, key=key),
        await ticketing.hold(another, (1, 1), (1, 2), user=1, key=key),
    ):
        assert (reused[0], reused[1]["code"]) == (422, "idempotency_key_reused")
    other = new_key()
    refused = await ticketing.hold(session, (1, 1), user=2, key=other)
    assert (refused[0], refused[1]["code"]) == (409, "seats_unavailable")
    await ticketing.call("DELETE", f"/hold/{first[1]['id']}", user=1)
    again = await ticketing.hold(session, (1, 1), user=2, key=other)
    assert (again[0], again[1]["seats"]) == (409, refused[1]["seats"])


async def test_booking_a_hold_again_after_it_has_become_tickets(ticketing: Ticketing) -> None:
    session, key = await ticketing.put_on_sale(), new_key()
    _, hold = await ticketing.hold(session, (1, 1), (1, 2), user=1)
    body = {"hold": hold["id"]}
    first = await ticketing.call("POST", "/book/", user=1, key=key, json=body)
    assert first[0] == 201
    assert await ticketing.call("POST", "/book/", user=1, key=key, json=body) == first


@pytest.mark.parametrize("what", ["book", "hold", "pay"])
async def test_50_in_parallel_have_one_effect(ticketing: Ticketing, what: str) -> None:
    session, key = await ticketing.put_on_sale(), new_key()
    _, ticket = await ticketing.book(session, 9, 9, user=1)

    async def attempt() -> tuple[int, str]:
        if what == "hold":
            status, answer = await ticketing.hold(session, (1, 1), (1, 2), user=1, key=key)
        elif what == "pay":
            status, answer = await ticketing.call("PATCH", f"/pay/{ticket['id']}", user=1, key=key)
        else:
            body = {"session": session, "row": 1, "seat": 1}
            status, answer = await ticketing.call("POST", "/book/", user=1, key=key, json=body)
        return status, str(answer) if status < 300 else answer["code"]

    answers = await asyncio.gather(*(attempt() for _ in range(50)))
    good = {answer for status, answer in answers if status < 300}
    assert len(good) == 1
    assert {a for s, a in answers if s >= 300} <= {"idempotency_in_flight"}
    # Which is not kept: the same again is answered.
    assert (await attempt())[1] == good.pop()


async def test_a_crash_between_commit_and_answer(
    ticketing: Ticketing, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, key = await ticketing.put_on_sale(), new_key()
    body = {"session": session, "row": 1, "seat": 1}
    sell = Selling._sell

    async def die(self: Selling, *args: object, **kwargs: object) -> None:
        await sell(self, *args, **kwargs)  # type: ignore[arg-type]
        raise KeyError("the process is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Selling, "_sell", die)
        assert (await ticketing.call("POST", "/book", user=1, key=key, json=body))[0] == 500
    status, ticket = await ticketing.call("POST", "/book", user=1, key=key, json=body)
    assert (status, ticket["seat"]) == (201, 1)
    _, mine = await ticketing.call("GET", f"/ticket/?session={session}", user=1)
    assert mine == [ticket]


async def test_an_effect_and_its_answer_are_stored_together(
    ticketing: Ticketing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise KeyError("between the two")

    session, key = await ticketing.put_on_sale(), new_key()
    body = {"session": session, "row": 1, "seat": 1}
    with monkeypatch.context() as patch:
        patch.setattr(Once, "keep", fail)
        assert (await ticketing.call("POST", "/book", user=1, key=key, json=body))[0] == 500
    assert await ticketing.call("GET", f"/ticket/?session={session}", user=1) == (200, [])


async def test_too_late_is_as_final_as_any_refusal(ticketing: Ticketing) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    session, key = await ticketing.put_on_sale(started_at=soon), new_key()
    first = await ticketing.hold(session, (1, 1), user=1, key=key)
    assert first[1]["code"] == "book_too_late_error"
    async with ticketing.database.transaction() as transaction:
        await service.apply(transaction, session_data(session), 2)
    async with asyncio.timeout(2):
        while (await ticketing.hold(session, (1, 1), user=2))[0] != 201:
            await asyncio.sleep(0.02)
    again = await ticketing.hold(session, (1, 1), user=1, key=key)
    assert (again[0], again[1]["code"]) == (409, "book_too_late_error")


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_that_is_none(ticketing: Ticketing, key: str) -> None:
    session = await ticketing.put_on_sale()
    status, problem = await ticketing.hold(session, (1, 1), user=1, key=key)
    assert (status, problem["code"]) == (422, "validation_error")
