"""The whole crowd: accounts, clients, the programme, all of them busy until told to stop."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.faults.api import Api, Identity
from tests.faults.history import History
from tests.faults.programme import Programme
from tests.faults.scene import Account, Habits, Scene
from tests.faults.visitor import Visitor


@dataclass
class Crowd:
    """Those who act while the run lasts, and afterwards too."""

    api: Api
    programme: Programme
    accounts: list[Account]
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

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
async def people(
    settings: Mapping[str, str],
    history: History,
    *,
    users: int,
    sessions: int,
    seconds_a_session: float = 3600.0,
) -> AsyncIterator[Crowd]:
    """Users who are logged in, and sessions on sale; nobody does anything yet."""
    url = settings["GATEWAY_URL"].rstrip("/")
    staff = await _log_in(url, settings["STAFF_USERNAME"], settings["STAFF_PASSWORD"])
    accounts = [await _register(url) for _ in range(users)]
    api = Api(url, history)
    try:
        me = Identity(-1, staff.id, staff.token)
        programme = Programme(api, me, at_once=sessions, seconds_each=seconds_a_session)
        await programme.open()
        yield Crowd(api, programme, accounts)
    finally:
        await api.close()


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
    async with people(
        settings, history, users=users, sessions=sessions, seconds_a_session=seconds_a_session
    ) as present:
        scene = Scene(present.api, present.programme, habits)
        present.tasks.append(asyncio.create_task(present.programme.run()))
        for number in range(clients):
            account = present.accounts[number % users]
            visitor = Visitor(number, account, scene, random.Random(f"{seed}/{number}"))
            present.tasks.append(asyncio.create_task(visitor.run()))
        try:
            yield present
        finally:
            await present.stop()


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
