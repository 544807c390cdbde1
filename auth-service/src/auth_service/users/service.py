"""Accounts: making one, finding one, changing its role and state."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cinema_shared.problems import Conflict, NotFound
from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.tokens import families
from auth_service.users import events, names
from auth_service.users.tables import users

_STAFF_LOCK: Final = 7_461_101


class AccountExists(Conflict):
    code = "account_exists"
    detail = "There is an account of that user name or email address already."


class LastStaff(Conflict):
    code = "last_staff"
    detail = "That would leave no active staff account."


async def create(
    transaction: AsyncConnection,
    *,
    username: str,
    email: str,
    password_hash: str,
    is_staff: bool = False,
) -> Row[Any]:
    """A new account, or `AccountExists`: the unique indexes decide, also between two at once."""
    user: Row[Any] | None = (
        await transaction.execute(
            insert(users)
            .values(
                username=username,
                username_key=names.key(username),
                email=email,
                email_key=names.key(email),
                password_hash=password_hash,
                is_staff=is_staff,
                is_active=True,
                version=1,
            )
            .on_conflict_do_nothing()
            .returning(users)
        )
    ).one_or_none()
    if user is None:
        raise AccountExists
    await events.publish(transaction, "user.registered", user)
    return user


async def find(transaction: AsyncConnection, user_id: int) -> Row[Any] | None:
    return (await transaction.execute(select(users).where(users.c.id == user_id))).one_or_none()


async def find_by_name(transaction: AsyncConnection, username: str) -> Row[Any] | None:
    statement = select(users).where(users.c.username_key == names.key(username))
    return (await transaction.execute(statement)).one_or_none()


async def page(
    transaction: AsyncConnection, *, after: int | None, limit: int
) -> Sequence[Row[Any]]:
    """Accounts by id, and one beyond the page where there is one."""
    statement = select(users).order_by(users.c.id).limit(limit + 1)
    if after is not None:
        statement = statement.where(users.c.id > after)
    return (await transaction.execute(statement)).all()


async def change(
    transaction: AsyncConnection, user_id: int, changes: Mapping[str, bool]
) -> Row[Any]:
    """Set the role or the state."""
    # Two that each demote the other would both find one more staff account, and leave none.
    # One lock for all such changes, taken before any row's: they are rare, and cannot deadlock.
    await transaction.execute(select(func.pg_advisory_xact_lock(_STAFF_LOCK)))
    user: Row[Any] | None = (
        await transaction.execute(select(users).where(users.c.id == user_id).with_for_update())
    ).one_or_none()
    if user is None:
        raise NotFound
    if all(getattr(user, name) == value for name, value in changes.items()):
        return user
    if user.is_staff and user.is_active and not await _other_staff(transaction, user_id):
        raise LastStaff
    user = (
        await transaction.execute(
            update(users)
            .where(users.c.id == user_id)
            .values(**changes, version=users.c.version + 1, changed_at=func.clock_timestamp())
            .returning(users)
        )
    ).one()
    if not user.is_active:
        await families.end_all(transaction, user_id)
    await events.publish(transaction, "user.changed", user)
    return user


async def _other_staff(transaction: AsyncConnection, user_id: int) -> bool:
    others = select(users.c.id).where(users.c.is_staff, users.c.is_active, users.c.id != user_id)
    return bool(await transaction.scalar(select(others.exists())))
