"""The limit on wrong passwords: so many within some minutes, of one address and one user name.

Of both: the owner can still log in from elsewhere while somebody is guessing, and whoever guesses
at many names is the gateway's to slow down.

An attempt is noted as failed before the password is looked at, and struck out when it was right.
So a burst cannot get more guesses than the limit, whichever processes it reaches.
"""

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cinema_shared.problems import TooManyRequests
from sqlalchemy import bindparam, func, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.tokens.tables import login_attempts
from auth_service.users import names

FAILURES: Final = 10
WINDOW: Final = timedelta(minutes=10)
# Well below the limit: a client that logs in many times at once, with the right password, waits
# for itself and is not taken for a guesser.
_AT_ONCE: Final = 3
_WAITING: Final = 100

_NOTE: Final = text("""
    INSERT INTO login_attempts AS known (subject, failed_at, last_at)
    SELECT :subject, ARRAY[at], at FROM clock_timestamp() AS at
    ON CONFLICT (subject) DO UPDATE SET
        failed_at = ARRAY(
            SELECT at FROM unnest(known.failed_at) AS at WHERE at > now() - :window
        ) || excluded.failed_at,
        last_at = excluded.last_at
    WHERE (SELECT count(*) FROM unnest(known.failed_at) AS at WHERE at > now() - :window) < :limit
    RETURNING last_at
""").bindparams(bindparam("window", WINDOW), bindparam("limit", FAILURES))


@dataclass(frozen=True)
class Attempt:
    subject: bytes
    at: datetime


@dataclass
class _Gate:
    open: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    visitors: int = 0


class LoginThrottle:
    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._gates: dict[bytes, _Gate] = {}

    @asynccontextmanager
    async def turn(self, address: str, username: str) -> AsyncIterator[bytes]:
        """Wait for one's turn among one's own log-ins; gives the subject they are counted by."""
        subject = hashlib.sha256(f"{address}\0{names.key(username)}".encode()).digest()
        if not self._enabled:
            yield subject
            return
        gate = self._gates.setdefault(subject, _Gate())
        if gate.visitors >= _WAITING:
            raise TooManyRequests(1)
        gate.visitors += 1
        try:
            async with gate.open:
                yield subject
        finally:
            gate.visitors -= 1
            if gate.visitors == 0:
                del self._gates[subject]

    async def note(self, transaction: AsyncConnection, subject: bytes) -> Attempt | None:
        """Note an attempt as failed; raise a 429 where there are too many. Commit it at once."""
        if not self._enabled:
            return None
        at = await transaction.scalar(_NOTE, {"subject": subject})
        if at is None:
            raise TooManyRequests(
                await _retry_after(transaction, subject),
                "Too many wrong passwords for this user name; try again later.",
            )
        return Attempt(subject, at)

    async def strike_out(self, transaction: AsyncConnection, attempt: Attempt | None) -> None:
        """The password was right."""
        if attempt is not None:
            await transaction.execute(
                update(login_attempts)
                .where(login_attempts.c.subject == attempt.subject)
                .values(failed_at=func.array_remove(login_attempts.c.failed_at, attempt.at))
            )


async def _retry_after(transaction: AsyncConnection, subject: bytes) -> int:
    """Seconds until the oldest failure no longer counts."""
    oldest = login_attempts.c.failed_at[1]
    wait = await transaction.scalar(
        select(func.extract("epoch", oldest + literal(WINDOW) - func.now())).where(
            login_attempts.c.subject == subject
        )
    )
    return max(1, math.ceil(wait or 1))
