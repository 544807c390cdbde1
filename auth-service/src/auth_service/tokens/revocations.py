"""What was revoked lately: asked for each second by every process that verifies tokens."""

from datetime import datetime, timedelta
from typing import Any, Final

from cinema_shared.database import Database
from cinema_shared.tokens import Revocations
from sqlalchemy import DateTime, Interval, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.tokens.keyring import Keyring

# What was ended just before the last question may have been committed just after it.
_LATE_COMMITS: Final = timedelta(seconds=10)
# A token issued while its bearer was being changed outlives the change by this much at the most.
MARGIN: Final = timedelta(minutes=1)

# One round trip, two partial indexes. GREATEST passes over the NULL of a first question.
_SINCE: Final = text("""
    WITH asked AS (
        SELECT GREATEST(:since - :late, now() - :oldest) AS floor
    )
    SELECT
        now() AS as_of,
        ARRAY(
            SELECT id::text FROM token_families WHERE ended_at > (SELECT floor FROM asked)
        ) AS ended_families,
        COALESCE(
            (
                SELECT json_agg(
                    json_build_object('id', id, 'is_staff', is_staff, 'is_active', is_active)
                )
                FROM users WHERE changed_at > (SELECT floor FROM asked)
            ),
            '[]'
        ) AS users
""").bindparams(
    bindparam("late", _LATE_COMMITS),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("oldest", type_=Interval()),
)


async def since(
    transaction: AsyncConnection, asked: datetime | None, access_lifetime: timedelta
) -> Revocations:
    """What has changed since then, as far back as a valid access token can reach."""
    row = (
        await transaction.execute(_SINCE, {"since": asked, "oldest": access_lifetime + MARGIN})
    ).one()
    return Revocations.model_validate(row._asdict())


class OwnTrust:
    """A `TrustSource`: auth trusts itself by its own database, without asking over HTTP."""

    def __init__(self, database: Database, keyring: Keyring, access_lifetime: timedelta) -> None:
        self._database = database
        self._keyring = keyring
        self._access_lifetime = access_lifetime

    async def keys(self) -> list[dict[str, Any]]:
        return self._keyring.public

    async def revocations(self, since_: datetime | None) -> Revocations:
        async with self._database.transaction() as transaction:
            return await since(transaction, since_, self._access_lifetime)

    async def close(self) -> None:
        """Nothing is its own to close."""
