"""What a process believes of auth: its public keys, and what was revoked since tokens were issued.

Both are fetched in the background, never while a request waits, and are kept while auth is away:
tokens that were issued already go on working.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import aiohttp
import jwt
import structlog
from pydantic import BaseModel, Field

log = structlog.get_logger(__name__)

# A revoked token is out within 5 s: half of that is left for a slow answer.
REFRESH_EVERY_S: Final = 1.0
_KEYS_EVERY_S: Final = 60.0
_KEYS_AT_MOST_EVERY_S: Final = 2.0
_FETCH_TIMEOUT_S: Final = 2.0
# Far longer than an access token lives.
_REMEMBER_S: Final = 6 * 3600.0


class UserStanding(BaseModel):
    """A user whose role or state changed lately, as it is now."""

    id: int
    is_staff: bool
    is_active: bool


class Revocations(BaseModel):
    """What changed since `since`; `as_of` is its database's clock, to ask from the next time.

    Covers the lifetime of an access token; what is older has no valid token left to revoke.
    """

    as_of: datetime
    ended_families: list[str]
    users: list[UserStanding]
    # The clock of the process that issues tokens, and answers this.
    clock: datetime = Field(default_factory=lambda: datetime.now(UTC))


class TrustSource(Protocol):
    """Where keys and revocations come from."""

    async def keys(self) -> list[dict[str, Any]]:
        """The JSON Web Keys that tokens may be signed with."""
        ...

    async def revocations(self, since: datetime | None) -> Revocations: ...

    async def close(self) -> None: ...


class AuthServiceSource:
    """Asks auth over HTTP; of several addresses, separated by commas, the next one on failure."""

    def __init__(self, auth_url: str) -> None:
        self._urls = [url.strip().rstrip("/") for url in auth_url.split(",")]
        self._client: aiohttp.ClientSession | None = None

    async def _get(self, path: str, **query: str) -> Any:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_FETCH_TIMEOUT_S), raise_for_status=True
            )
        try:
            async with self._client.get(self._urls[0] + path, params=query) as response:
                return await response.json()
        except Exception:
            self._urls.append(self._urls.pop(0))
            raise

    async def keys(self) -> list[dict[str, Any]]:
        document = await self._get("/.well-known/jwks.json")
        return list(document["keys"])

    async def revocations(self, since: datetime | None) -> Revocations:
        query = {"since": since.isoformat()} if since else {}
        return Revocations.model_validate(await self._get("/internal/revocations", **query))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


@dataclass
class Trust:
    """Keys and revocations, kept fresh by `run`."""

    source: TrustSource
    keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    # With the time that each was heard of: what no token can be left of is forgotten.
    ended_families: dict[str, float] = field(default_factory=dict)
    users: dict[int, UserStanding] = field(default_factory=dict)
    generation: int = 0
    # Auth's clock when ours, which nobody sets, stood at nought.
    _start: float = field(default_factory=lambda: time.time() - time.monotonic())
    _since: datetime | None = None
    _keys_at: float = float("-inf")
    _keys_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Refresh until cancelled."""
        failing = False
        try:
            while True:
                try:
                    await self._refresh()
                    failing = False
                except Exception as error:  # noqa: BLE001  (whatever it is, we go on with what we know)
                    if not failing:
                        log.warning("auth_unreachable", error=repr(error))
                    failing = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._keys_wanted.wait(), REFRESH_EVERY_S)
                    self._keys_wanted.clear()
                    self._keys_at = min(
                        self._keys_at,
                        time.monotonic() - _KEYS_EVERY_S,
                    )
        finally:
            await self.source.close()

    async def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._keys_at >= _KEYS_EVERY_S or not self.keys:
            await self.refresh_keys()
        asked = time.monotonic()
        news = await self.source.revocations(self._since)
        self._start = news.clock.timestamp() - asked
        self._since = news.as_of
        families = set(news.ended_families) - self.ended_families.keys()
        users = {user.id: user for user in news.users if self.users.get(user.id) != user}
        if families or users:
            for family, heard_at in list(self.ended_families.items()):
                if now - heard_at < _REMEMBER_S:
                    break
                del self.ended_families[family]
            self.ended_families |= dict.fromkeys(families, now)
            self.users |= users
            self.generation += 1

    async def refresh_keys(self) -> None:
        """Fetch the keys now."""
        documents = await self.source.keys()
        self.keys = {document["kid"]: jwt.PyJWK(document) for document in documents}
        self._keys_at = time.monotonic()
        self.generation += 1

    def want_keys(self) -> None:
        """An unknown key was named: look for it soon, but not as often as anybody may ask."""
        if time.monotonic() - self._keys_at > _KEYS_AT_MOST_EVERY_S:
            self._keys_wanted.set()

    def now(self) -> float:
        """By the clock of auth, which stamps tokens: that of this machine may be wrong."""
        return self._start + time.monotonic()

    @property
    def ready(self) -> bool:
        return bool(self.keys)

    async def check(self) -> None:
        """Readiness: raise until auth's keys were seen once."""
        if not self.ready:
            raise LookupError("no keys yet")
