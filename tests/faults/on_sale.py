"""The night a blockbuster goes on sale: 5,000 clients at once after the 1,000 seats of one hall.

python -m tests.faults.on_sale --clients 5000

Each client wants a basket of 1 to 4 seats beside each other: holds it, books it, pays. Refused, it
looks at what is left (all look at one map, as a page behind a cache would show it) and tries again
until nothing is. Every seat must be sold exactly once, and no answer may be a 5xx but a 503.
"""

import argparse
import asyncio
import json
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
from urllib.parse import urlsplit

import asyncpg
import uvloop
from auth_service.tokens.access import Signer
from auth_service.tokens.families import Bearer
from auth_service.tokens.keyring import Keyring
from cinema_shared.database import Database
from gateway.client import Client
from gateway.connection import Unreachable
from gateway.settings import Address
from pydantic import SecretStr

from tests.faults.private import Suite, private_suite

Seat = tuple[int, int]
ROWS: Final = 25
SEATS_PER_ROW: Final = 40
_TIMEOUT_S: Final = 15.0
_MAP_EVERY_S: Final = 0.5
_GIVE_UP_AFTER_S: Final = 180


@dataclass
class Sale:
    """What the crowd sees and what became of it."""

    address: Address
    session: int
    # The gateway's own client: one that costs more would compete with what is measured.
    http: Client
    free: set[Seat] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    sold: int = 0
    sold_out_after_s: float | None = None

    async def call(
        self, token: str, what: str, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, float]:
        headers = {"Authorization": f"Bearer {token}", **headers}
        began = time.monotonic()
        try:
            status, answer, retry_after = await self.ask(method, path, body, headers)
        except (Unreachable, TimeoutError) as error:
            status, answer, retry_after = 0, {"code": type(error).__name__}, 0.0
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.answers[f"{what} {status} {answer.get('code', '') if status != 201 else ''}"] += 1
        return status, answer, retry_after

    async def ask(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, Any, float]:
        """Status, answer, and in how many seconds to come again."""
        pairs = [(b"host", self.address.authority.encode())]
        pairs += [(name.encode(), value.encode()) for name, value in headers.items()]
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            pairs.append((b"content-type", b"application/json"))
        async with asyncio.timeout(_TIMEOUT_S):
            answer = await self.http.ask(self.address, method, f"/{path}", pairs, content)
            text = b""
            while piece := await answer.read():
                text += piece
        retry_after = dict(answer.headers).get(b"retry-after", b"0")
        return answer.status, json.loads(text), float(retry_after)

    async def insist(self, token: str, what: str, method: str, path: str, body: Any) -> Any:
        """Until there is a final answer; a key makes sure that it is given once."""
        key = uuid.uuid4().hex
        while True:
            status, answer, retry_after = await self.call(
                token, what, method, path, body, **{"Idempotency-Key": key}
            )
            in_flight = status == 409 and answer["code"] == "idempotency_in_flight"
            if status in (429, 503) or in_flight:
                await asyncio.sleep(retry_after * random.uniform(0.9, 1.1))
            elif status:
                return status, answer
            else:
                await asyncio.sleep(random.uniform(0.2, 1.0))

    async def watch(self, began: float) -> None:
        every = {(r, s) for r in range(1, ROWS + 1) for s in range(1, SEATS_PER_ROW + 1)}
        while True:
            try:
                path = f"session/{self.session}/seats/"
                taken = (await self.ask("GET", path, None, {}))[1]["taken"]
                self.free = every - {(seat["row"], seat["seat"]) for seat in taken}
                gone = sum(seat["state"] == "sold" for seat in taken)
                print(
                    f"  {time.monotonic() - began:5.1f} s  {gone:4} sold  {dict_of(self.answers)}"
                )
                if gone == len(every):
                    self.sold_out_after_s = time.monotonic() - began
                    return
            except (Unreachable, TimeoutError, KeyError):
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
    where = urlsplit(suite.url)
    sale = Sale(Address(where.hostname or "", where.port or 80), 0, Client(_TIMEOUT_S))
    try:
        login = {k: suite.settings[f"STAFF_{k.upper()}"] for k in ("username", "password")}
        _, pair, _ = await sale.ask("POST", "token/", login, {})

        async def make(path: str, body: Any) -> int:
            headers = {"Authorization": f"Bearer {pair['access']}"}
            status, made, _ = await sale.ask("POST", f"{path}/", body, headers)
            assert status == 201, made
            return int(made["id"])

        name = uuid.uuid4().hex
        shape = {"row_count": ROWS, "seat_count": SEATS_PER_ROW}
        sale.session = await make(
            "session",
            {
                "hall": await make("hall", {"name": f"Big hall {name}", **shape}),
                "movie": await make("movie", {"name": f"Hit {name}", "duration": "01:30:00"}),
                "started_at": f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}T12:00:00",
                "price": "9.50",
            },
        )
        while (await sale.ask("GET", f"session/{sale.session}/seats/", None, {}))[0] != 200:
            await asyncio.sleep(0.05)
        sale.free = {(r, s) for r in range(1, ROWS + 1) for s in range(1, SEATS_PER_ROW + 1)}
        yield sale
    finally:
        await sale.http.close()


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
        wrong = uvloop.run(sell(suite, arguments.clients, arguments.seed))
    if wrong:
        sys.exit("wrong: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
