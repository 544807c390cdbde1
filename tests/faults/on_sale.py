"""The night a blockbuster goes on sale: 5,000 clients at once after the 1,000 seats of one hall.

python -m tests.faults.on_sale --clients 5000

Each client wants a basket of 1 to 4 seats beside each other: holds it, books it, pays. Refused, it
looks at what is left (all look at one map, as a page behind a cache would show it) and tries again
until nothing is. Every seat must be sold exactly once, and no answer may be a 5xx but a 503.
"""

import argparse
import asyncio
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
import asyncpg
from auth_service.tokens.access import Signer
from auth_service.tokens.families import Bearer
from auth_service.tokens.keyring import Keyring
from cinema_shared.database import Database
from pydantic import SecretStr

from tests.faults.private import Suite, private_suite

Seat = tuple[int, int]
ROWS: Final = 25
SEATS_PER_ROW: Final = 40
_CONNECTIONS: Final = 1000
_TIMEOUT_S: Final = 15
_MAP_EVERY_S: Final = 0.5
_GIVE_UP_AFTER_S: Final = 180


@dataclass
class Sale:
    """What the crowd sees and what became of it."""

    url: str
    session: int
    http: aiohttp.ClientSession
    free: set[Seat] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    sold: int = 0
    sold_out_after_s: float | None = None

    async def call(
        self, token: str, what: str, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {token}", **headers}
        try:
            async with self.http.request(
                method, f"{self.url}/{path}", json=body, headers=headers
            ) as response:
                status, answer = response.status, await response.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            status, answer = 0, {"code": type(error).__name__}
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.answers[f"{what} {status} {answer.get('code', '') if status != 201 else ''}"] += 1
        return status, answer

    async def insist(self, token: str, what: str, method: str, path: str, body: Any) -> Any:
        """Until there is a final answer; a key makes sure that it is given once."""
        key = uuid.uuid4().hex
        while True:
            status, answer = await self.call(
                token, what, method, path, body, **{"Idempotency-Key": key}
            )
            if status not in (0, 429, 503):
                return status, answer
            await asyncio.sleep(random.uniform(0.2, 1.0))

    async def watch(self, began: float) -> None:
        every = {(r, s) for r in range(1, ROWS + 1) for s in range(1, SEATS_PER_ROW + 1)}
        while True:
            try:
                path = f"{self.url}/session/{self.session}/seats/"
                async with self.http.get(path) as response:
                    taken = (await response.json())["taken"]
                self.free = every - {(seat["row"], seat["seat"]) for seat in taken}
                gone = sum(seat["state"] == "sold" for seat in taken)
                print(
                    f"  {time.monotonic() - began:5.1f} s  {gone:4} sold  {dict_of(self.answers)}"
                )
                if gone == len(every):
                    self.sold_out_after_s = time.monotonic() - began
                    return
            except (aiohttp.ClientError, TimeoutError, KeyError):
                pass
            await asyncio.sleep(_MAP_EVERY_S)


def dict_of(answers: Counter[str]) -> str:
    return ", ".join(f"{name.strip()}: {count}" for name, count in answers.most_common(4))


async def client(sale: Sale, token: str, chance: random.Random) -> None:
    size = chance.choice((1, 2, 2, 3, 4))
    while sale.free:
        basket = choose(sale.free, size, chance)
        if basket is None:
            return  # nothing of that size is left
        seats = [{"row": row, "seat": seat} for row, seat in basket]
        body = {"session": sale.session, "seats": seats}
        status, hold = await sale.insist(token, "hold", "POST", "hold/", body)
        if status != 201:
            sale.free -= {(seat["row"], seat["seat"]) for seat in hold.get("seats", ())}
            await asyncio.sleep(chance.uniform(0, 0.5))
            continue
        sale.free -= set(basket)
        status, tickets = await sale.insist(token, "book", "POST", "book/", {"hold": hold["id"]})
        if status != 201:
            continue
        for ticket in tickets:
            status, _ = await sale.insist(token, "pay", "PATCH", f"pay/{ticket['id']}/", None)
            sale.sold += status == 200
        return


def choose(free: set[Seat], size: int, chance: random.Random) -> list[Seat] | None:
    """Seats beside each other, somewhere in the hall."""
    for row, seat in chance.sample(sorted(free), min(len(free), 50)):
        basket = [(row, seat + number) for number in range(size)]
        if free.issuperset(basket):
            return basket
    return None


async def tokens(suite: Suite, count: int) -> Sequence[str]:
    """For as many users, signed with auth's own key: nobody's log-in is what is tried here."""
    database = Database(suite.settings["AUTH_DATABASE_URL"], application="on-sale")
    keyring = Keyring(database, SecretStr(suite.settings["AUTH_KEYS_SECRET"]))
    await keyring.read()
    signer = Signer(keyring, "cinema-auth", "cinema", timedelta(hours=1))
    bearers = (
        Bearer(user_id=1_000_000 + n, username=f"user{n}", is_staff=False, family=uuid.uuid4())
        for n in range(count)
    )
    made = [signer.access_token(bearer) for bearer in bearers]
    await database.close()
    return made


@asynccontextmanager
async def opened(suite: Suite) -> AsyncIterator[Sale]:
    """A session of one big hall, on sale."""
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S, sock_connect=_TIMEOUT_S)
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=4)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        settings = suite.settings
        login = {k: settings[f"STAFF_{k.upper()}"] for k in ("username", "password")}
        async with http.post(f"{suite.url}/token/", json=login) as response:
            headers = {"Authorization": f"Bearer {(await response.json())['access']}"}

        async def make(path: str, body: Any) -> int:
            async with http.post(f"{suite.url}/{path}/", json=body, headers=headers) as response:
                assert response.status == 201, await response.text()
                return int((await response.json())["id"])

        name = uuid.uuid4().hex
        shape = {"row_count": ROWS, "seat_count": SEATS_PER_ROW}
        session = await make(
            "session",
            {
                "hall": await make("hall", {"name": f"Big hall {name}", **shape}),
                "movie": await make("movie", {"name": f"Hit {name}", "duration": "01:30:00"}),
                "started_at": f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}T12:00:00",
                "price": "9.50",
            },
        )
        sale = Sale(suite.url, session, http)
        while not sale.free:
            async with http.get(f"{suite.url}/session/{session}/seats/") as response:
                if response.status == 200:
                    rows = range(1, ROWS + 1)
                    sale.free = {(r, s) for r in rows for s in range(1, SEATS_PER_ROW + 1)}
            await asyncio.sleep(0.05)
        yield sale


async def sell(suite: Suite, clients: int, seed: int) -> list[str]:
    """What was wrong, if anything; prints how it went."""
    bearers = await tokens(suite, clients)
    chance = random.Random(seed)
    async with opened(suite) as sale:
        print(f"{clients} clients after {ROWS * SEATS_PER_ROW} seats, seed {seed}")
        began = time.monotonic()
        watch = asyncio.create_task(sale.watch(began))
        crowd = [
            asyncio.create_task(client(sale, token, random.Random(chance.random())))
            for token in bearers
        ]
        _, late = await asyncio.wait([*crowd, watch], timeout=_GIVE_UP_AFTER_S)
        for task in late:
            task.cancel()
        took = time.monotonic() - began
        attempts = sum(sale.answers.values())
    live, doubles = await _tickets(suite, sale.session)
    print(f"{attempts} requests in {took:.1f} s, {attempts / took:.0f} a second")
    for name, count in sorted(sale.answers.items()):
        print(f"  {count:7}  {name}")
    print(
        f"sold: {live} of {ROWS * SEATS_PER_ROW}, twice: {doubles};"
        f" sold out after {sale.sold_out_after_s or float('nan'):.1f} s;"
        f" the longest wait for an answer: {sale.longest_s:.2f} s"
    )
    wrong = [name for name in sale.answers if name.split()[1] in ("500", "502", "504")]
    if live != ROWS * SEATS_PER_ROW or doubles:
        wrong.append(f"{live} live tickets, {doubles} of them for one seat")
    if late:
        wrong.append(f"{len(late)} clients were still waiting")
    return wrong


async def _tickets(suite: Suite, session: int) -> tuple[int, int]:
    """Live tickets of the session, and how many of them share their seat with another."""
    connection = await asyncpg.connect(suite.settings["TICKETING_DATABASE_URL"])
    try:
        row = await connection.fetchrow(
            """SELECT count(*) AS live, count(*) - count(DISTINCT (row_no, seat_no)) AS doubles
                 FROM tickets WHERE screening_id = $1 AND status IN (1, 2)""",
            session,
        )
    finally:
        await connection.close()
    return row["live"], row["doubles"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with private_suite(arguments.replicas) as suite:
        wrong = asyncio.run(sell(suite, arguments.clients, arguments.seed))
    if wrong:
        sys.exit("wrong: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
