"""The ASGI lifespan protocol: open before the first request, close after the last."""

from contextlib import AbstractAsyncContextManager

import structlog
from starlette.types import Receive, Send

log = structlog.get_logger(__name__)


async def live(receive: Receive, send: Send, resources: AbstractAsyncContextManager[None]) -> None:
    await receive()
    try:
        async with resources:
            await send({"type": "lifespan.startup.complete"})
            log.info("started")
            await receive()
    except Exception:
        log.exception("lifespan_failed")
        raise
    log.info("stopped")
    await send({"type": "lifespan.shutdown.complete"})
