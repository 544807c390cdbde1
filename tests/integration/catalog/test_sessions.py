"""The programme: what may be scheduled, and what its list shows."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from catalog_service import api

from tests.integration.catalog.conftest import Catalog, at
from tests.support import http

FIELDS = ("hall", "movie", "started_at", "price")


async def ids(catalog: Catalog, query: str) -> list[int]:
    status, sessions = await catalog.call("GET", f"session/?{query}", role="anybody")
    assert status == 200, sessions
    return [session["id"] for session in sessions]


async def test_a_new_session(catalog: Catalog) -> None:
    hall, movie = await catalog.hall(row_count=3, seat_count=4), await catalog.movie()
    body = {"hall": hall, "movie": movie, "started_at": at("20:00"), "price": 12.5}
    session = await catalog.made("session/", **body)
    assert session == {
        "id": session["id"],
        **body,
        "price": "12.50",
        "tickets": [],
        "seats_total": 12,
        "seats_taken": 0,
    }
    path = f"session/{session['id']}"
    assert await catalog.call("GET", f"{path}/", role="anybody") == (200, session)
    assert await catalog.events(path) == [("created", 1)]
    assert await catalog.data(path) == {
        "id": session["id"],
        "hall": (await catalog.call("GET", f"hall/{hall}"))[1],
        "movie": (await catalog.call("GET", f"movie/{movie}"))[1],
        "started_at": at("20:00"),
        "ends_at": at("21:30"),
        "price": "12.50",
        "currency": "EUR",
    }


@pytest.mark.parametrize("field", ["hall", "movie"])
async def test_a_hall_or_movie_that_is_not_there(catalog: Catalog, field: str) -> None:
    session = await catalog.session()
    body = {name: session[name] for name in FIELDS} | {field: 10**12}
    for method, path in (("POST", "session/"), ("PATCH", f"session/{session['id']}/")):
        status, problem = await catalog.call(method, path, body)
        assert (status, problem["code"]) == (422, "validation_error")
        assert [error["field"] for error in problem["errors"]] == [field]
    assert await catalog.events(f"session/{session['id']}") == [("created", 1)]


@pytest.mark.parametrize("start", [at("07:59"), at("21:06"), at("12:00", days=-1)])
async def test_times_that_cannot_be(catalog: Catalog, start: str) -> None:
    session = await catalog.session()
    body = {name: session[name] for name in FIELDS} | {"started_at": start}
    for method, path in (
        ("POST", "session/"),
        ("PUT", f"session/{session['id']}/"),
        ("PATCH", f"session/{session['id']}/"),
    ):
        status, problem = await catalog.call(method, path, body)
        assert (status, problem["code"]) == (422, "session_time_error")
    assert await catalog.call("GET", f"session/{session['id']}") == (200, session)


async def test_one_at_a_time_in_a_hall(catalog: Catalog) -> None:
    """A film of 90 minutes, and 25 of turnaround: from 12:00 to 13:55."""
    first = await catalog.session(started_at=at("12:00"))
    body = {name: first[name] for name in FIELDS}
    for start in ("10:06", "12:00", "13:54"):
        status, problem = await catalog.call("POST", "session/", body | {"started_at": at(start)})
        assert (status, problem["code"]) == (409, "session_intersect_error")
        assert problem["conflicts_with"] == first["id"]
    for start in ("10:05", "13:55"):
        await catalog.made("session/", **body | {"started_at": at(start)})
    await catalog.made("session/", **body | {"hall": await catalog.hall()})


async def test_the_list_is_of_what_comes_in_order(catalog: Catalog) -> None:
    movie = await catalog.movie()
    late = await catalog.session(movie=movie, started_at=at("18:00"))
    over = await catalog.session(movie=movie, started_at=at("15:00"))
    await catalog.end(over["id"])
    early = await catalog.session(movie=movie, started_at=at("09:00"))
    same_time = await catalog.session(movie=movie, started_at=at("18:00"))

    coming = [early["id"], late["id"], same_time["id"]]
    assert await ids(catalog, f"movie={movie}") == coming
    assert await ids(catalog, f"movie={movie}&include_past=true") == [over["id"], *coming]
    assert (await catalog.call("GET", f"session/{over['id']}"))[0] == 200
    assert await ids(catalog, f"hall={late['hall']}") == [late["id"]]
    assert await ids(catalog, f"hall={late['hall']}&movie={movie + 1}") == []


async def test_the_list_by_time(catalog: Catalog) -> None:
    movie = await catalog.movie()
    today = [
        (await catalog.session(movie=movie, started_at=at(clock)))["id"]
        for clock in ("08:00", "12:00", "21:05")
    ]
    tomorrow = (await catalog.session(movie=movie, started_at=at("08:00", days=8)))["id"]
    day = at()[:10]

    assert await ids(catalog, f"movie={movie}&date={day}") == today
    assert await ids(catalog, f"movie={movie}&from={at('12:00')}") == [*today[1:], tomorrow]
    assert await ids(catalog, f"movie={movie}&to={at('12:00')}") == today[:1]
    assert await ids(catalog, f"movie={movie}&from={day}T12:00&to={at('21:05')}") == today[1:2]
    assert await ids(catalog, f"movie={movie}&date={day}&from={at('08:00', days=8)}") == []


async def test_pages_hold_while_sessions_come_and_go(catalog: Catalog) -> None:
    movie = await catalog.movie()
    made = [
        (await catalog.session(movie=movie, started_at=at(f"{8 + hour // 2:02}:00")))["id"]
        for hour in range(7)  # two at a time, so that the ids decide as well
    ]
    seen: list[int] = []
    path = f"session/?movie={movie}&limit=3&tickets=false"
    while path:
        _, page, headers = await catalog.exchange("GET", path)
        seen += [session["id"] for session in page]
        path = headers.get("Link", "").partition("<")[2].partition(">")[0].lstrip("/")
        await catalog.session(movie=movie, started_at=at("08:00", days=6))
    assert seen == made


@pytest.mark.parametrize(
    "cursor",
    ["!", "W10", "WzFd", "WzksOTk5OTk5OTk5OTk5OTk5OTk5OV0", "WzkyMjMzNzIwMzY4NTQ3NzU4MDYsMV0"],
)
async def test_a_cursor_that_we_did_not_give(catalog: Catalog, cursor: str) -> None:
    status, problem = await catalog.call("GET", f"session/?cursor={cursor}")
    assert (status, problem["code"]) == (422, "validation_error")


async def test_tickets_are_left_out_where_they_are_not_wanted(catalog: Catalog) -> None:
    movie = await catalog.movie()
    session = await catalog.session(movie=movie)
    del session["tickets"]
    assert await catalog.call("GET", f"session/?movie={movie}&tickets=false") == (200, [session])


async def test_head_wherever_get(catalog: Catalog) -> None:
    session = await catalog.session()
    for path in ("session/", f"session/{session['id']}/", "hall/", "hall/1", "movie/"):
        assert (await catalog.call("HEAD", path, role="anybody"))[0] == 200


async def test_times_and_days_are_the_cinemas_own(catalog: Catalog) -> None:
    """In Auckland a day begins at noon, or an hour earlier, of the day before in UTC."""
    auckland = ZoneInfo("Pacific/Auckland")
    settings = catalog.settings.model_copy(update={"cinema_timezone": auckland})
    async with http.serve(api.create(settings, catalog.issuer)) as url:
        there = replace(catalog, url=url)
        while (await there.call("GET", "readyz", role="anybody"))[0] != 200:
            pass
        day = at()[:10]
        hall, movie = await there.hall(), await there.movie()
        body = {"hall": hall, "movie": movie, "price": 1}
        status, problem = await there.call("POST", "session/", body | {"started_at": at("12:00")})
        assert (status, problem["code"]) == (422, "session_time_error")

        made = []
        for clock in ("08:00", "21:05"):
            session = await there.made("session/", **body | {"started_at": f"{day}T{clock}:00"})
            local = datetime.fromisoformat(session["started_at"]).astimezone(auckland)
            assert f"{local:%Y-%m-%dT%H:%M}" == f"{day}T{clock}"
            made.append(session["id"])
        assert await ids(there, f"hall={hall}&date={day}") == made
        assert await ids(there, f"hall={hall}&from={day}T08:00:00&to={day}T21:05:00") == made[:1]
        assert await ids(catalog, f"hall={hall}&date={day}") == made[1:]
