"""What auth tells the other services of an account."""

from typing import Any

from cinema_shared import outbox
from cinema_shared.events.auth import SOURCE, UserData
from cinema_shared.events.envelope import event
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection


async def publish(transaction: AsyncConnection, name: str, user: Row[Any]) -> None:
    """`user.registered` or `user.changed`, with the account as it is after the change."""
    await outbox.publish(
        transaction,
        event(SOURCE, name, f"user/{user.id}", user.version, UserData.model_validate(user)),
    )
