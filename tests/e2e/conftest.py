"""The whole suite behind its gateway: one that runs (GATEWAY_URL), else one of our own.

Our own is started by the same code as `make up`, with servers and data in a folder that goes away
with it. Tests marked `own_suite` stop parts of it, and cannot run against somebody's.
"""

import asyncio
import itertools
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

ROOT = Path(__file__).resolve().parents[2]
_slots = itertools.count()


@dataclass(frozen=True)
class Suite:
    """Where it is, and what an operator needs to use it."""

    settings: dict[str, str]
    places: dict[str, str] | None

    @property
    def url(self) -> str:
        return self.settings["GATEWAY_URL"].rstrip("/")

    def run(self, command: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "deploy/local/suite.py"), command],
            env=os.environ | (self.places or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"suite.py {command}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def pids(self) -> dict[str, int]:
        lines = [line.split() for line in self.run("ps").splitlines()]
        return {line[0]: int(line[1]) for line in lines}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def suite() -> Iterator[Suite]:
    if "GATEWAY_URL" in os.environ:
        yield Suite(dict(os.environ), None)
        return
    with tempfile.TemporaryDirectory(prefix="cinema-e2e-") as folder:
        places = {"CINEMA_RUN_DIR": f"{folder}/run", "CINEMA_ENV_FILE": f"{folder}/env"}
        # Not port 8000: a suite for people may be running beside the tests.
        gateway = f"http://127.0.0.1:{free_port()}"
        Path(folder, "env").write_text(f"RATE_LIMITS=off\nGATEWAY_URL={gateway}\n")
        suite = Suite({}, places)
        try:
            suite.run("up")
            lines = Path(places["CINEMA_ENV_FILE"]).read_text().splitlines()
            pairs = (line.partition("=") for line in lines if "=" in line)
            suite.settings.update({name: value for name, _, value in pairs})
            yield suite
        finally:
            suite.run("down")


@dataclass
class Client:
    """Somebody at the gateway."""

    suite: Suite
    http: aiohttp.ClientSession
    id: int = 0
    token: str | None = None

    async def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        """Status and body."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.http.request(
            method, f"{self.suite.url}/{path}", json=body, headers=headers, **kwargs
        ) as response:
            if response.status == 204:
                return 204, None
            answer = await response.json()
            if response.status >= 400:
                assert response.content_type == "application/problem+json"
                assert answer["status"] == response.status
                assert answer["request_id"] == response.headers["X-Request-ID"]
            return response.status, answer

    async def log_in(self, username: str, password: str) -> None:
        credentials = {"username": username, "password": password}
        status, tokens = await self.call("POST", "token/", credentials)
        assert status == 200, tokens
        self.token = tokens["access"]
        self.id = (await self.call("GET", "current_user/"))[1]["id"]

    async def session(self, **changes: Any) -> int:
        """A new session on sale, in a slot that nobody else has; for staff."""
        zone = ZoneInfo(self.suite.settings.get("CINEMA_TIMEZONE", "UTC"))
        status, movies = await self.call("GET", "movie/?search=Short film")
        if not movies:
            movie = {"name": "Short film", "duration": "00:05:00"}
            movies = [(await self.call("POST", "movie/", movie))[1]]
        while True:
            day, slot = divmod(next(_slots), 28)
            start = datetime.now(zone) + timedelta(days=2 + day)
            start = start.replace(hour=8, minute=0, second=0, microsecond=0)
            start += timedelta(minutes=30 * slot)
            body = {
                "hall": 1,
                "movie": movies[0]["id"],
                "started_at": start.isoformat(),
                "price": "9.50",
                **changes,
            }
            status, answer = await self.call("POST", "session/", body)
            if status == 409 and answer["code"] == "session_intersect_error":
                continue
            assert status == 201, answer
            await self.until(f"session/{answer['id']}/seats/", lambda status, _: status == 200)
            return int(answer["id"])

    async def until(self, path: str, fits: Any, seconds: float = 2.0) -> Any:
        """The first answer that fits, within the time that the contract gives."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            status, answer = await self.call("GET", path)
            if fits(status, answer):
                return answer
            assert asyncio.get_running_loop().time() < deadline, f"{path}: {status} {answer}"
            await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=10)
    # Shorter than the gateway keeps an idle connection.
    connector = aiohttp.TCPConnector(limit=200, keepalive_timeout=4)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        yield session


@pytest.fixture(scope="session")
async def staff(suite: Suite, http: aiohttp.ClientSession) -> Client:
    client = Client(suite, http)
    await client.log_in(suite.settings["STAFF_USERNAME"], suite.settings["STAFF_PASSWORD"])
    return client


@pytest.fixture
def anonymous(suite: Suite, http: aiohttp.ClientSession) -> Client:
    return Client(suite, http)


async def _customer(suite: Suite, http: aiohttp.ClientSession) -> Client:
    client = Client(suite, http)
    name, password = f"user-{secrets.token_hex(5)}", secrets.token_urlsafe(12)
    account = {"username": name, "email": f"{name}@example.org", "password": password}
    status, _ = await client.call("POST", "register/", account)
    assert status == 201
    await client.log_in(name, password)
    return client


@pytest.fixture
async def customer(suite: Suite, http: aiohttp.ClientSession) -> Client:
    return await _customer(suite, http)


@pytest.fixture
async def rival(suite: Suite, http: aiohttp.ClientSession) -> Client:
    return await _customer(suite, http)
