"""A ticketing replica, on request with a tenth of all times, so that many holders can be frozen.

    python -m tests.faults.quick_replica      (settings in the environment, as for the real one)

QUICK_KEYS: the keys that tokens are signed with. QUICK_TIMES=on: with a tenth of the times.
QUICK_FENCE=off: without the fence of time.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import cinema_shared.database
import uvicorn
from cinema_shared.tokens import Revocations
from ticketing_service import api
from ticketing_service.holds import locks
from ticketing_service.settings import Settings
from ticketing_service.tickets import booking, selling

TENTH = 0.1


class Keys:
    async def keys(self) -> list[dict[str, Any]]:
        keys: list[dict[str, Any]] = json.loads(os.environ["QUICK_KEYS"])
        return keys

    async def revocations(self, since: datetime | None) -> Revocations:
        return Revocations(as_of=datetime.now(UTC), ended_families=[], users=[])

    async def close(self) -> None: ...


def hurry() -> None:
    """The hold itself is one of the settings."""
    constants: dict[Any, tuple[str, ...]] = {
        locks: ("MARGIN", "CLAIM"),
        selling: ("CLAIM",),
        api: ("API_IDLE_TIMEOUT_MS",),
        cinema_shared.database: ("STATEMENT_TIMEOUT_MS", "LOCK_TIMEOUT_MS"),
    }
    for module, names in constants.items():
        for name in names:
            value = getattr(module, name) * TENTH
            setattr(module, name, int(value) if isinstance(value, float) else value)


def take_the_fence_down() -> None:
    book = booking.book

    async def book_anyhow(transaction: Any, **wanted: Any) -> Any:
        return await book(transaction, **wanted | {"valid_until": datetime.max.replace(tzinfo=UTC)})

    booking.book = book_anyhow
    # Nor does its own clock stop it.
    vars(selling)["CLAIM"] = timedelta(days=1)


if __name__ == "__main__":
    if os.environ.get("QUICK_TIMES") == "on":
        hurry()
    if os.environ.get("QUICK_FENCE") == "off":
        take_the_fence_down()
    settings = Settings()
    uvicorn.run(api.create(settings, Keys()), port=settings.port, loop="uvloop", log_config=None)
