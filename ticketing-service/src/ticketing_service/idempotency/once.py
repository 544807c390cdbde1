"""One request's `Idempotency-Key`, against the answers that are kept.

The answer is stored in the transaction of the effect. So whatever dies between COMMIT and the
answer, a retry finds both or neither.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from cinema_shared import problems
from cinema_shared.database import Database
from cinema_shared.problems import Conflict
from fastapi import Header, Request
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_service.holds.locks import KeyReused
from ticketing_service.idempotency.tables import idempotency_keys

RETENTION: Final = timedelta(hours=24)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key and body within 24 h gets the first final answer again",
    ),
]


class InFlight(Conflict):
    code = "idempotency_in_flight"
    detail = "The first request with this Idempotency-Key is still running."


@dataclass(frozen=True)
class Answer:
    """A final answer, as it was sent: 2xx and 409 are kept."""

    status: int
    body: bytes

    @property
    def media_type(self) -> str:
        return problems.MEDIA_TYPE if self.status >= 400 else "application/json"


class Recalled(Exception):  # noqa: N818  (no error: the answer was given before)
    """Ends an attempt whose answer is known."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Once:
    """The effect of one request, once; without a key, just its transaction."""

    def __init__(
        self, database: Database, request: Request, user_id: int, key: str | None, body: bytes
    ) -> None:
        self._database = database
        self._user_id = user_id
        self._digest: bytes | None = None
        if key is not None:
            path = request.url.path.rstrip("/")
            scope = f"{request.method} {path} {key}"
            self._digest = hashlib.sha256(scope.encode()).digest()
        self._fingerprint = hashlib.sha256(body).digest()

    async def recall(self) -> None:
        """Raise `Recalled` if the answer is known, before anything is done for it."""
        if self._digest is not None:
            async with self._database.transaction() as transaction:
                await self._find(transaction)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """The effect's transaction; raises `Recalled`, or `InFlight` beside the first request."""
        async with self._database.transaction() as transaction:
            if self._digest is not None:
                number = int.from_bytes(self._digest[:8], signed=True) ^ self._user_id
                locked = await transaction.scalar(
                    text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": number}
                )
                if not locked:
                    raise InFlight
                await self._find(transaction)
            yield transaction

    async def keep(self, transaction: AsyncConnection, answer: Answer) -> Answer:
        """Store the answer with its effect."""
        if self._digest is not None:
            values: dict[str, Any] = {
                "fingerprint": self._fingerprint,
                "status": answer.status,
                "answer": answer.body.decode(),
                "created_at": func.now(),
            }
            statement = insert(idempotency_keys).values(
                user_id=self._user_id, digest=self._digest, **values
            )
            # What is there already is older than a day, and was not swept away yet.
            await transaction.execute(
                statement.on_conflict_do_update(
                    index_elements=[idempotency_keys.c.user_id, idempotency_keys.c.digest],
                    set_=values,
                )
            )
        return answer

    async def keep_refusal(self, refusal: Conflict) -> None:
        """Store a 409, which is as final as a success."""
        if self._digest is not None and not isinstance(refusal, InFlight):
            body = problems.body(refusal.status, refusal.code, refusal.detail, refusal.extras)
            async with self.transaction() as transaction:
                await self.keep(transaction, Answer(refusal.status, body))

    async def _find(self, transaction: AsyncConnection) -> None:
        query = select(idempotency_keys).where(
            idempotency_keys.c.user_id == self._user_id,
            idempotency_keys.c.digest == self._digest,
            idempotency_keys.c.created_at > func.now() - RETENTION,
        )
        kept: Any = (await transaction.execute(query)).one_or_none()
        if kept is None:
            return
        if kept.fingerprint != self._fingerprint:
            raise KeyReused
        raise Recalled(Answer(kept.status, kept.answer.encode()))


async def prune(database: Database) -> None:
    """Forget what is older than a day."""
    async with database.transaction() as transaction:
        await transaction.execute(
            delete(idempotency_keys).where(idempotency_keys.c.created_at <= func.now() - RETENTION)
        )
