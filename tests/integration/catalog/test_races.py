"""What two members of the staff do at the same moment, again and again."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from catalog_service.screenings import scheduling

from tests.integration.catalog.conftest import Catalog, at
from tests.integration.catalog.ticketing_double import TicketingDouble


async def test_200_times_two_want_one_slot(catalog: Catalog) -> None:
    hall, movie = await catalog.hall(), await catalog.movie()
    wins: Counter[int] = Counter()
    for number in range(200):
        body = {"hall": hall, "movie": movie, "price": 1}
        day = 7 + number
        answers = await asyncio.gather(
            *(
                catalog.call("POST", "session/", body | {"started_at": at(clock, days=day)})
                for clock in ("12:00", "12:30")
            )
        )
        statuses = [status for status, _ in answers]
        assert sorted(statuses) == [201, 409], f"round {number}: {answers}"
        won = answers[statuses.index(201)][1]
        lost = answers[statuses.index(409)][1]
        assert (lost["code"], lost["conflicts_with"]) == ("session_intersect_error", won["id"])
        wins[statuses.index(201)] += 1
    print(f"200 rounds: {dict(wins)}")


async def test_who_schedules_in_a_hall_waits_for_whoever_does(catalog: Catalog) -> None:
    """Else two overlapping rows that are written at once each wait for the other, in one of four
    hundred attempts, until PostgreSQL ends one as a deadlock. Of another hall nobody waits.
    """
    hall, other, movie = await catalog.hall(), await catalog.hall(), await catalog.movie()
    order: list[str] = []

    async def schedule(who: str, hall: int) -> None:
        async with catalog.database.transaction() as transaction:
            await scheduling.lock_surroundings(transaction, hall_ids=[hall], movie_ids=[movie])
            order.append(f"{who} begins")
            await asyncio.sleep(0.3)
            order.append(f"{who} ends")

    first = asyncio.create_task(schedule("first", hall))
    await asyncio.sleep(0.1)
    await asyncio.gather(schedule("second", hall), schedule("third", other), first)
    assert order.index("first ends") < order.index("second begins")
    assert order.index("third begins") < order.index("first ends")


async def test_200_times_two_are_moved_to_one_slot(
    catalog: Catalog, ticketing: TicketingDouble
) -> None:
    hall, movie = await catalog.hall(), await catalog.movie()
    sessions = [
        await catalog.session(hall=hall, movie=movie, started_at=at(clock, days=6))
        for clock in ("09:00", "18:00")
    ]
    for number in range(200):
        day = 7 + number
        answers = await asyncio.gather(
            *(
                catalog.call(
                    "PATCH", f"session/{session['id']}", {"started_at": at("13:00", days=day)}
                )
                for session in sessions
            )
        )
        statuses = [status for status, _ in answers]
        assert sorted(statuses) == [200, 409], f"round {number}: {answers}"
        won, lost = answers[statuses.index(200)][1], answers[statuses.index(409)][1]
        assert (lost["code"], lost["conflicts_with"]) == ("session_intersect_error", won["id"])


async def quickly(catalog: Catalog, kind: str) -> int:
    """The id of a new hall or movie, made without ceremony."""
    statement = {
        "hall": "INSERT INTO halls (name, row_count, seat_count) VALUES (:name, 10, 30)",
        "movie": "INSERT INTO movies (name, duration) VALUES (:name, '01:30:00')",
    }[kind]
    name = f"Quick {next(catalog.numbers)}"
    [row] = await catalog.sql(f"{statement} RETURNING id", name=name)
    return int(row.id)


async def nudge(work: Any, chance: random.Random) -> Any:
    await asyncio.sleep(chance.uniform(0, 0.004))
    return await work


async def test_100_times_a_hall_is_rebuilt_while_it_gets_a_session(catalog: Catalog) -> None:
    """The session is told of with the seats that its hall then has, or the hall stays."""
    movie, chance = await catalog.movie(), random.Random(1)
    outcomes: Counter[tuple[int, int]] = Counter()
    for number in range(100):
        hall = await quickly(catalog, "hall")
        body = {"hall": hall, "movie": movie, "started_at": at(), "price": 1}
        (rebuilt, _), (created, session) = await asyncio.gather(
            nudge(catalog.call("PATCH", f"hall/{hall}", {"row_count": 20}), chance),
            nudge(catalog.call("POST", "session/", body), chance),
        )
        assert (rebuilt, created) in {(200, 201), (409, 201)}, f"round {number}"
        told = (await catalog.data(f"session/{session['id']}"))["hall"]["row_count"]
        rows = (await catalog.call("GET", f"hall/{hall}"))[1]["row_count"]
        assert told == rows == (20 if rebuilt == 200 else 10), f"round {number}"
        outcomes[rebuilt, created] += 1
    print(f"100 rounds: {dict(outcomes)}")
    assert len(outcomes) == 2, "the race was not close enough to show anything"


@pytest.mark.parametrize("kind", ["hall", "movie"])
async def test_100_times_one_is_removed_while_it_gets_a_session(
    catalog: Catalog, kind: str
) -> None:
    chance = random.Random(2)
    other = {"hall": await catalog.hall(), "movie": await catalog.movie()}
    outcomes: Counter[tuple[int, int]] = Counter()
    for number in range(100):
        one = await quickly(catalog, kind)
        start = at(f"{8 + number % 6 * 2:02}:00", days=7 + number // 6)
        body = {**other, kind: one, "started_at": start, "price": 1}
        (removed, _), (created, _) = await asyncio.gather(
            nudge(catalog.call("DELETE", f"{kind}/{one}"), chance),
            nudge(catalog.call("POST", "session/", body), chance),
        )
        assert (removed, created) in {(204, 422), (409, 201)}, f"round {number}"
        outcomes[removed, created] += 1
    print(f"100 rounds: {dict(outcomes)}")
    assert len(outcomes) == 2, "the race was not close enough to show anything"


async def test_100_times_a_movie_gets_longer_while_it_gets_a_session(catalog: Catalog) -> None:
    hall, chance = await catalog.hall(), random.Random(3)
    for number in range(100):
        movie = await quickly(catalog, "movie")
        start = at(f"{8 + number % 4 * 3:02}:00", days=7 + number // 4)
        body = {"hall": hall, "movie": movie, "started_at": start, "price": 1}
        (changed, _), (created, session) = await asyncio.gather(
            nudge(catalog.call("PATCH", f"movie/{movie}", {"duration": "02:00:00"}), chance),
            nudge(catalog.call("POST", "session/", body), chance),
        )
        assert (changed, created) in {(200, 201), (409, 201)}, f"round {number}"
        [row] = await catalog.sql(
            "SELECT ends_at - starts_at = duration AS fits FROM screenings"
            " JOIN movies ON movies.id = movie_id WHERE screenings.id = :id",
            id=session["id"],
        )
        assert row.fits, f"round {number}"


async def test_all_at_once_nobody_waits_for_each_other_in_a_circle(
    catalog: Catalog, ticketing: TicketingDouble
) -> None:
    """400 changes of 6 sessions, 2 halls and 2 movies, eight at a time, without a deadlock.

    And what was told last of each session is how it is, its versions without a gap.
    """
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await catalog.sql(deadlocks)
    chance = random.Random(4)
    halls = [await catalog.hall() for _ in range(2)]
    movies = [await catalog.movie() for _ in range(2)]
    sessions = [
        (await catalog.session(hall=halls[n % 2], movie=movies[n // 3], started_at=at(days=7 + n)))
        for n in range(6)
    ]

    async def work() -> None:
        for number in range(50):
            session = chance.choice(sessions)["id"]
            name = {"name": f"Name {number} {chance.random()}"}
            change = chance.choice(
                [{"hall": chance.choice(halls)}, {"movie": chance.choice(movies)}, {"price": 3}]
            )
            method, path, body = chance.choice(
                [
                    ("PATCH", f"session/{session}", change),
                    ("PATCH", f"hall/{chance.choice(halls)}", name),
                    ("PATCH", f"movie/{chance.choice(movies)}", name),
                ]
            )
            # On a busy machine somebody may have to wait for his turn too long, and be told so.
            for _ in range(10):
                status, answer = await catalog.call(method, path, body)
                if status != 503:
                    break
            assert status == 200, answer

    await asyncio.gather(*(work() for _ in range(8)))
    await asyncio.sleep(1.5)  # the server's statistics lag behind
    assert await catalog.sql(deadlocks) == before
    for session in sessions:
        subject = f"session/{session['id']}"
        told, shown = await catalog.data(subject), (await catalog.call("GET", subject))[1]
        assert told["hall"] == (await catalog.call("GET", f"hall/{shown['hall']}"))[1]
        assert told["movie"] == (await catalog.call("GET", f"movie/{shown['movie']}"))[1]
        assert told["price"] == shown["price"]
        versions = [version for _, version in await catalog.events(subject)]
        assert versions == list(range(1, len(versions) + 1))
