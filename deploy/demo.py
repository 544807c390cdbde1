"""Sells tickets through the running suite, as its users do, and shows each call and each event.

Run by `make demo`. It may be run as often as you like: each run is a session of its own.
"""

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aio_pika
import aiohttp
from aio_pika.abc import AbstractIncomingMessage

COLOURS = sys.stdout.isatty()
MOVIE = {"name": "Metropolis", "duration": "02:33:00"}


def paint(text: str, code: int) -> str:
    return f"\033[{code}m{text}\033[0m" if COLOURS else text


def chapter(text: str) -> None:
    print(f"\n{paint(text, 1)}")


def short(value: Any) -> str:
    """JSON that fits on a line; what is long or secret is cut."""
    if isinstance(value, dict):
        hidden = {"access", "refresh", "password"}
        value = {k: "…" if k in hidden else v for k, v in value.items()}
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 150 else f"{text[:149]}…"


class Person:
    """Somebody with a name, and after logging in with a token."""

    def __init__(self, name: str, gateway: str, client: aiohttp.ClientSession) -> None:
        self.name, self.gateway, self.client = name, gateway, client
        self.headers: dict[str, str] = {}

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        began = time.perf_counter()
        async with self.client.request(
            method, f"{self.gateway}/{path}", json=body, headers=self.headers
        ) as response:
            answer = await response.json() if response.status != 204 else None
        took = (time.perf_counter() - began) * 1000
        said = f" {short(body)}" if body is not None else ""
        print(f"  {paint(f'{self.name:>8}', 36)}  {method} /{path}{said}")
        colour = 32 if response.status < 400 else 33
        print(
            f"  {'':>8}  → {paint(str(response.status), colour)} {short(answer)}  ({took:.0f} ms)"
        )
        return response.status, answer

    async def must(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.call(method, path, body)
        if status >= 400:
            raise SystemExit(f"The demo expected this to succeed. See: make logs\n{answer}")
        return answer

    async def log_in(self, username: str, password: str) -> None:
        tokens = await self.must("POST", "token/", {"username": username, "password": password})
        self.headers = {"Authorization": f"Bearer {tokens['access']}"}

    async def join(self) -> None:
        username = f"{self.name}-{secrets.token_hex(3)}"
        password = secrets.token_urlsafe(12)
        body = {"username": username, "email": f"{username}@example.org", "password": password}
        await self.must("POST", "register/", body)
        await self.log_in(username, password)


@asynccontextmanager
async def listener(rabbitmq_url: str) -> AsyncIterator[list[str]]:
    """A service of somebody else's: a queue of its own, bound to what it wants to hear."""
    heard: list[str] = []

    async def hear(message: AbstractIncomingMessage) -> None:
        event = json.loads(message.body)
        heard.append(event["type"])
        name, subject = event["type"], f"{event['subject']} v{event['subjectversion']}"
        print(f"  {paint('listener', 35)}  {name}  {subject}  {short(event['data'])}")

    connection = await aio_pika.connect(rabbitmq_url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        for key in ("session.#", "ticket.#"):
            await queue.bind("cinema.events", key)
        await queue.consume(hear, no_ack=True)
        yield heard


async def schedule(staff: Person, hall: int, movie: int, zone: ZoneInfo) -> int:
    """A session at the first evening from the day after tomorrow on that is still free."""
    for days in range(2, 400):
        evening = datetime.now(zone) + timedelta(days=days)
        body = {
            "hall": hall,
            "movie": movie,
            "started_at": evening.strftime("%Y-%m-%dT19:30:00"),
            "price": "9.50",
        }
        status, answer = await staff.call("POST", "session/", body)
        if status == 201:
            return int(answer["id"])
        if answer["code"] != "session_intersect_error":
            break
    raise SystemExit("No free evening was found: remove some sessions first.")


async def wait_for(what: str, seen: Any, seconds: float = 10) -> None:
    began = time.monotonic()
    while not await seen():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"Still waiting for {what} after {seconds:.0f} s. See: make logs")
        await asyncio.sleep(0.05)


async def demo(settings: dict[str, str]) -> None:
    gateway = settings["GATEWAY_URL"].rstrip("/")
    zone = ZoneInfo(settings["CINEMA_TIMEZONE"])
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client,
        listener(settings["RABBITMQ_URL"]) as heard,
    ):
        staff, anna, rival = (Person(name, gateway, client) for name in ("staff", "anna", "rival"))

        chapter("A staff member schedules a session.")
        await staff.log_in(settings["STAFF_USERNAME"], settings["STAFF_PASSWORD"])
        halls = await staff.must("GET", "hall/")
        movies = await staff.must("GET", f"movie/?search={MOVIE['name']}")
        movie = movies[0] if movies else await staff.must("POST", "movie/", MOVIE)
        session = await schedule(staff, halls[0]["id"], movie["id"], zone)

        async def on_sale() -> bool:
            async with client.get(f"{gateway}/session/{session}/seats/") as response:
                return response.status == 200

        await wait_for("the session to be on sale", on_sale)

        chapter("A customer registers, and holds two seats while a rival wants one of them.")
        await anna.join()
        await rival.join()
        seats = [{"row": 5, "seat": seat} for seat in (14, 15)]
        hold = await anna.must("POST", "hold/", {"session": session, "seats": seats})
        await rival.call("POST", "hold/", {"session": session, "seats": seats[:1]})
        await rival.call("POST", "book/", {"session": session, **seats[0]})

        chapter("The customer books what is held, and pays. Whoever has no token does neither.")
        tickets = await anna.must("POST", "book/", {"hold": hold["id"]})
        for ticket in tickets:
            await anna.must("PATCH", f"pay/{ticket['id']}/")
        await rival.call("PATCH", f"pay/{tickets[0]['id']}/")
        nobody = Person("nobody", gateway, client)
        await nobody.call("POST", "book/", {"session": session, **seats[0]})

        chapter("The session shows the seats; catalog has heard of them by event.")

        async def shown() -> bool:
            async with client.get(f"{gateway}/session/{session}/") as response:
                return bool((await response.json())["seats_taken"] == len(seats))

        await wait_for("the seats to show", shown)
        await rival.must("GET", f"session/{session}/")
        await rival.must("GET", f"session/{session}/seats/")

        async def all_heard() -> bool:
            return heard.count("cinema.ticket.paid.v1") == len(seats)

        await wait_for("the events", all_heard)
    chapter(f"Done: 2 tickets sold, {len(heard)} events heard. The suite goes on running.")
    print(f"  The API to look at: {gateway}/docs   Stop it: make down")


def read_settings() -> dict[str, str]:
    path = Path(os.environ.get("CINEMA_ENV_FILE", ".env"))
    lines = [line.split("=", 1) for line in path.read_text().splitlines() if "=" in line]
    return {name: value.strip("'\"") for name, value in lines if not name.startswith("#")}


if __name__ == "__main__":
    asyncio.run(demo(read_settings()))
