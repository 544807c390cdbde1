"""Password hashes: argon2id, in a few threads of their own, with a queue that has an end.

One hash takes a core for some 30 ms. On the event loop it would stop every other request for that
time; in an endless queue a burst of log-ins would make all of them wait until nobody is there.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError
from cinema_shared.problems import ServiceUnavailable

# OWASP's recommendation for argon2id.
_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_LANES: Final = 1

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Hasher:
    def __init__(self, *, threads: int, queue: int) -> None:
        self._argon2 = PasswordHasher(
            time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES, type=Type.ID
        )
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + queue
        self._taken = 0
        # For the user that does not exist: refused by the same work as a wrong password.
        self._nobody = self._argon2.hash(secrets.token_urlsafe())

    def require_room(self) -> None:
        """Raise a 503 where one more would have to wait too long."""
        if self._taken >= self._room:
            raise ServiceUnavailable("Too many people are logging in just now; try again shortly.")

    async def hash(self, password: str) -> str:
        return await self._run(self._argon2.hash, password)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password; a user without a hash costs the same time."""
        return await self._run(self._matches, password, password_hash)

    def _matches(self, password: str, password_hash: str | None) -> bool:
        try:
            self._argon2.verify(password_hash or self._nobody, password)
        except VerificationError:
            return False
        return password_hash is not None

    async def _run(self, work: Callable[_P, _R], *args: _P.args, **_: _P.kwargs) -> _R:
        self.require_room()
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._taken -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
