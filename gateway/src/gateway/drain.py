"""Leaving without losing a request: be unready first, wait until balancers have seen it, then stop.

uvicorn stops listening as soon as it is told to, and only afterwards lets the application know.
"""

import asyncio
import signal
from types import FrameType

import structlog
import uvicorn

log = structlog.get_logger(__name__)


class Drain:
    def __init__(self, seconds: float) -> None:
        self.draining = False
        self._seconds = seconds

    def install(self) -> None:
        """Stand before uvicorn's handler of SIGTERM; where uvicorn has none, neither have we."""
        stop = signal.getsignal(signal.SIGTERM)
        if not callable(stop) or not isinstance(getattr(stop, "__self__", None), uvicorn.Server):
            return
        loop = asyncio.get_running_loop()

        def begin(number: int, frame: FrameType | None) -> None:
            if self.draining:
                stop(number, frame)
                return
            self.draining = True
            log.info("draining", seconds=self._seconds)
            loop.call_soon_threadsafe(loop.call_later, self._seconds, stop, number, frame)

        signal.signal(signal.SIGTERM, begin)
