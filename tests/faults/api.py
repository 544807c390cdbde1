"""The gateway as a client sees it: every request is timed, judged and kept in the history."""

import json
from typing import Any, Final

import aiohttp
from yarl import URL

from tests.faults import digest
from tests.faults.history import Call, History, Seat

# Nothing takes this long: whoever waits for it has found a violation.
_PATIENCE_S: Final = 9.0


class Api:
    """One pool of connections for all clients."""

    def __init__(self, url: str, history: History) -> None:
        self.history = history
        self._url = url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=_PATIENCE_S),
        )
        # Left alone, it sends a DELETE a second time when a kept connection breaks.
        self._session._retry_connection = False
        self._urls: dict[str, URL] = {}

    async def close(self) -> None:
        await self._session.close()

    async def call(
        self,
        who: "Identity",
        action: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        session: int | None = None,
        seats: list[Seat] | None = None,
        hold: str | None = None,
        ticket: int | None = None,
    ) -> Call:
        headers = who.headers
        if body is not None or key is not None:
            headers = {**headers, "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        call = self.history.open(
            who.client,
            who.user,
            action,
            session=session,
            seats=seats or [],
            hold=hold,
            ticket=ticket,
            key=key,
        )
        try:
            async with self._session.request(
                method,
                URL(f"{self._url}/{path}", encoded=True),
                data=None if body is None else json.dumps(body).encode(),
                headers=headers,
            ) as response:
                content = await response.read()
                digest.read(call, response.status, response.headers, content, self.history.of_wall)
        except aiohttp.ClientConnectorError:
            call.code = "no_connection"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            call.code = type(error).__name__
        finally:
            self.history.close(call)
        return call


class Identity:
    """A client, and the user that it is logged in as."""

    def __init__(self, client: int, user: int, token: str | None) -> None:
        self.client = client
        self.user = user
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
