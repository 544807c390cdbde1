"""Halls and movies: their names, and what sessions forbid."""

import asyncio
from typing import Any

import pytest

from tests.integration.catalog.conftest import Catalog

NEW: dict[str, dict[str, Any]] = {
    "hall": {"row_count": 4, "seat_count": 5},
    "movie": {"duration": "02:33:00"},
}


async def test_cinemapis_halls_are_there_and_were_announced(catalog: Catalog) -> None:
    status, halls = await catalog.call("GET", "hall/?limit=3", role="anybody")
    assert status == 200
    assert halls == [
        {"id": 1, "name": "Red hall", "row_count": 10, "seat_count": 30},
        {"id": 2, "name": "Blue hall", "row_count": 12, "seat_count": 30},
        {"id": 3, "name": "White hall", "row_count": 15, "seat_count": 30},
    ]
    for hall in halls:
        assert (await catalog.events(f"hall/{hall['id']}"))[0] == ("created", 1)


@pytest.mark.parametrize("kind", NEW)
async def test_from_its_making_to_its_removal(catalog: Catalog, kind: str) -> None:
    made = await catalog.made(f"{kind}/", name=f"Some {kind}", **NEW[kind])
    path = f"{kind}/{made['id']}"
    assert made == {"id": made["id"], "name": f"Some {kind}", **NEW[kind]}
    assert await catalog.call("GET", path, role="anybody") == (200, made)
    assert await catalog.call("GET", f"{path}/", role="customer") == (200, made)

    status, renamed = await catalog.call("PATCH", f"{path}/", {"name": f"Other {kind}"})
    assert (status, renamed) == (200, made | {"name": f"Other {kind}"})
    # What was fetched may be sent back, and changes nothing.
    assert await catalog.call("PATCH", path, renamed | {"id": 999}) == (200, renamed)
    assert await catalog.data(path) == renamed
    assert await catalog.call("DELETE", f"{path}/") == (204, None)
    assert (await catalog.call("GET", path))[0] == 404
    assert (await catalog.call("PATCH", path, {"name": "Gone"}))[0] == 404
    assert (await catalog.call("DELETE", path))[0] == 404
    assert await catalog.events(path) == [("created", 1), ("changed", 2), ("removed", 3)]


async def test_a_movie_is_replaced_as_a_whole(catalog: Catalog) -> None:
    movie = await catalog.made("movie/", name="Replaced", duration="01:00:00")
    path = f"movie/{movie['id']}/"
    assert (await catalog.call("PUT", path, {"name": "Replaced"}))[0] == 422
    body = {"name": "Replacement", "duration": "01:10:00"}
    assert await catalog.call("PUT", path, body) == (200, {"id": movie["id"], **body})


@pytest.mark.parametrize("kind", NEW)
async def test_a_name_is_taken_without_regard_to_case(catalog: Catalog, kind: str) -> None:
    await catalog.made(f"{kind}/", name=f"Ärger {kind}", **NEW[kind])
    other = await catalog.made(f"{kind}/", name=f"Free {kind}", **NEW[kind])
    taken = {"name": f"äRGER {kind}".upper()}
    path = f"{kind}/{other['id']}/"
    for status, problem in (
        await catalog.call("POST", f"{kind}/", taken | NEW[kind]),
        await catalog.call("PATCH", path, taken),
    ):
        assert (status, problem["code"]) == (409, "name_taken")
    # Its own name in other letters is nobody else's.
    assert (await catalog.call("PATCH", path, {"name": f"FREE {kind}"}))[0] == 200


@pytest.mark.parametrize("kind", NEW)
async def test_of_20_who_want_a_name_at_once_one_gets_it(catalog: Catalog, kind: str) -> None:
    body: dict[str, Any] = {"name": f"Wanted {kind}", **NEW[kind]}
    answers = await asyncio.gather(*(catalog.call("POST", f"{kind}/", body) for _ in range(20)))
    assert sorted(status for status, _ in answers) == [201] + [409] * 19
    assert {answer["code"] for status, answer in answers if status == 409} == {"name_taken"}


async def test_with_sessions_only_the_names_may_change(catalog: Catalog) -> None:
    session = await catalog.session()
    hall, movie = f"hall/{session['hall']}/", f"movie/{session['movie']}/"
    for method, path, body in (
        ("DELETE", hall, None),
        ("PATCH", hall, {"row_count": 11}),
        ("PATCH", hall, {"name": "New", "seat_count": 31}),
        ("DELETE", movie, None),
        ("PATCH", movie, {"duration": "01:31:00"}),
        ("PUT", movie, {"name": "New", "duration": "01:31:00"}),
    ):
        status, problem = await catalog.call(method, path, body)
        assert (status, problem["code"]) == (409, "delete_change_error"), (method, path, body)
    # The same values again are no change.
    assert (await catalog.call("PATCH", hall, {"row_count": 10, "seat_count": 30}))[0] == 200
    assert (await catalog.call("PATCH", movie, {"duration": "01:30:00"}))[0] == 200


async def test_past_sessions_count_too(catalog: Catalog) -> None:
    session = await catalog.session()
    await catalog.end(session["id"])
    assert (await catalog.call("DELETE", f"hall/{session['hall']}"))[0] == 409
    assert (await catalog.call("DELETE", f"movie/{session['movie']}"))[0] == 409


async def test_a_new_name_is_told_with_each_coming_session(catalog: Catalog) -> None:
    over = await catalog.session()
    await catalog.end(over["id"])
    session = await catalog.session(hall=over["hall"], movie=over["movie"])
    path = f"session/{session['id']}"
    await catalog.call("PATCH", f"hall/{session['hall']}", {"name": "Renamed hall"})
    assert (await catalog.data(path))["hall"]["name"] == "Renamed hall"
    await catalog.call("PATCH", f"movie/{session['movie']}", {"name": "Renamed movie"})
    assert (await catalog.data(path))["movie"]["name"] == "Renamed movie"
    assert await catalog.events(path) == [("created", 1), ("changed", 2), ("changed", 3)]
    assert await catalog.events(f"session/{over['id']}") == [("created", 1)]


async def test_search_is_for_part_of_a_name(catalog: Catalog) -> None:
    for name in ("100% Wolf", "1000 Wolves", "Sea_side", "Seaxside", "Größe"):
        await catalog.made("movie/", name=name, duration="01:00:00")

    async def found(search: str) -> list[str]:
        status, movies = await catalog.call("GET", "movie/", params={"search": search})
        assert status == 200
        return [movie["name"] for movie in movies]

    assert await found("WOL") == ["100% Wolf", "1000 Wolves"]
    assert await found("0% w") == ["100% Wolf"]
    assert await found("sea_") == ["Sea_side"]
    assert await found("GRÖSSE") == []
    assert await found("gRÖ") == ["Größe"]
    assert await found("'; DROP TABLE movies; --") == []
    assert await found("\\") == []


async def test_lists_come_in_pages(catalog: Catalog) -> None:
    made = [await catalog.movie(name=f"Paged {n}") for n in range(5)]
    seen: list[int] = []
    path = "movie/?limit=2&search=Paged"
    while path:
        status, page, headers = await catalog.exchange("GET", path)
        assert (status, len(page)) == (200, 2 if headers.get("Link") else 1)
        seen += [movie["id"] for movie in page]
        path = headers.get("Link", "").partition("<")[2].partition(">")[0].lstrip("/")
    assert seen == made
