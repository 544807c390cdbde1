"""Work that is done again and again, and that no passing fault may end."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


async def every(seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Repeat `work` until cancelled, with a pause of `seconds` between two rounds."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  (the next round may go better)
            log.warning("round_failed", work=name, error=repr(error))
        await asyncio.sleep(seconds)
