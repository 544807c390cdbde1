"""The whole crowd: accounts, clients, the programme, all of them busy until told to stop."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.faults.api import Api, Identity
from tests.faults.history import History
from tests.faults.programme import Programme
from tests.faults.visitor import Account, Habits, Scene, Visitor


@dataclass
class Crowd:
    """Those who act while the run lasts, and afterwards too."""

    api: Api
    programme: Programme
    accounts: list[Account]
    tasks: list["asyncio.Task[None]"]

    async def stop(self) -> None:
        """Nobody starts anything new. Raises what one of them died of: a workload with a hole
        in it proves nothing.
        """
        died = [task for task in self.tasks if task.done() and not task.cancelled()]
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for task in died:
            task.result()


@asynccontextmanager
async def crowd(
    settings: Mapping[str, str],
    history: History,
    *,
    seed: int,
    clients: int,
    users: int,
    sessions: int,
    seconds_a_session: float,
    habits: Habits,
) -> AsyncIterator[Crowd]:
    """Everybody at work, until stopped."""
    url = settings["GATEWAY_URL"].rstrip("/")
    staff = await _log_in(url, settings["STAFF_USERNAME"], settings["STAFF_PASSWORD"])
    accounts = [await _register(url) for _ in range(users)]
    api = Api(url, history)
    try:
        programme = Programme(
            api,
            Identity(-1, staff.id, staff.token),
            at_once=sessions,
            seconds_each=seconds_a_session,
        )
        await programme.open()
        visitors = [
            Visitor(
                number,
                accounts[number % users],
                Scene(api, programme, habits),
                random.Random(f"{seed}/{number}"),
            )
            for number in range(clients)
        ]
        tasks = [asyncio.create_task(visitor.run()) for visitor in visitors]
        tasks.append(asyncio.create_task(programme.run()))
        people = Crowd(api, programme, accounts, tasks)
        try:
            yield people
        finally:
            await people.stop()
    finally:
        await api.close()


async def _register(url: str) -> Account:
    name, password = f"user-{secrets.token_hex(5)}", secrets.token_urlsafe(12)
    account = {"username": name, "email": f"{name}@example.org", "password": password}
    await _ask("POST", f"{url}/register/", account)
    return await _log_in(url, name, password)


async def _log_in(url: str, username: str, password: str) -> Account:
    tokens = await _ask("POST", f"{url}/token/", {"username": username, "password": password})
    user = await _ask("GET", f"{url}/current_user/", token=tokens["access"])
    return Account(user["id"], tokens["access"])


async def _ask(method: str, url: str, body: Any = None, token: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        session.request(method, url, json=body, headers=headers) as response,
    ):
        return await response.json()
