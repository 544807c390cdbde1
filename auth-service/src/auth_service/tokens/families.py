"""Families: a log-in, the refresh token that is its latest, and its end.

A refresh token can be used once. Used again, it is known to two: its owner and a thief, and
nobody can tell which is which; so the whole family ends. Within a few seconds it is rather a
client that sent the same request twice, and is only refused.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.tokens.tables import refresh_tokens, token_families
from auth_service.users.tables import users

_DOUBLE_CLICK: Final = timedelta(seconds=5)
_BITS: Final = 256


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True)
class Bearer:
    """What an access token says of whom it is for."""

    user_id: int
    username: str
    is_staff: bool
    family: uuid.UUID


async def start(transaction: AsyncConnection, user_id: int) -> Bearer | None:
    """A new family of an active user; None for any other."""
    # Locks the account against being changed meanwhile: whoever disables it, and ends its
    # families, either comes before this and is seen here, or comes after and sees the family.
    user = (
        await transaction.execute(
            select(users.c.username, users.c.is_staff)
            .where(users.c.id == user_id, users.c.is_active)
            .with_for_update(read=True)
        )
    ).one_or_none()
    if user is None:
        return None
    family = await transaction.scalar(
        insert(token_families).values(user_id=user_id).returning(token_families.c.id)
    )
    assert family is not None  # noqa: S101
    return Bearer(user_id, user.username, user.is_staff, family)


async def issue(transaction: AsyncConnection, family: uuid.UUID, lifetime: timedelta) -> str:
    """A new refresh token of the family."""
    token = secrets.token_urlsafe(_BITS // 8)
    await transaction.execute(
        insert(refresh_tokens).values(
            digest=_digest(token), family_id=family, expires_at=func.now() + lifetime
        )
    )
    return token


async def use(transaction: AsyncConnection, token: str) -> Bearer | None:
    """Use up a refresh token: its bearer, or None if it is no good.

    Of any number at once one finds it unused: the others wait for its lock and look again.
    """
    row = (
        await transaction.execute(
            update(refresh_tokens)
            .values(rotated_at=func.clock_timestamp())
            .where(
                refresh_tokens.c.digest == _digest(token),
                refresh_tokens.c.rotated_at.is_(None),
                refresh_tokens.c.expires_at > func.now(),
                token_families.c.id == refresh_tokens.c.family_id,
                token_families.c.ended_at.is_(None),
                users.c.id == token_families.c.user_id,
                users.c.is_active,
            )
            .returning(users.c.id, users.c.username, users.c.is_staff, token_families.c.id)
        )
    ).one_or_none()
    return Bearer(*row) if row else None


async def end_if_replayed(transaction: AsyncConnection, token: str) -> bool:
    """End the family of a token that was used up some time ago; whether that was so."""
    # The transaction's own start is the time that counts, so that one that had to wait for the
    # winner's lock is not taken for late.
    replayed = select(refresh_tokens.c.family_id).where(
        refresh_tokens.c.digest == _digest(token),
        refresh_tokens.c.rotated_at < func.now() - _DOUBLE_CLICK,
    )
    return await _end(transaction, token_families.c.id.in_(replayed)) == 1


async def end(transaction: AsyncConnection, token: str) -> None:
    """End the family of a refresh token, used up or not."""
    family = select(refresh_tokens.c.family_id).where(refresh_tokens.c.digest == _digest(token))
    await _end(transaction, token_families.c.id.in_(family))


async def end_all(transaction: AsyncConnection, user_id: int) -> None:
    """End every log-in of a user."""
    await _end(transaction, token_families.c.user_id == user_id)


async def _end(transaction: AsyncConnection, which: ColumnElement[bool]) -> int:
    result = await transaction.execute(
        update(token_families)
        .values(ended_at=func.clock_timestamp())
        .where(which, token_families.c.ended_at.is_(None))
    )
    return result.rowcount
