"""How a process of the suite is made: an HTTP application with its resources and its tasks.

An API serves its routers; a worker is the same with none, and tasks instead. Both answer
`livez` (the process runs its loop) and `readyz` (what it depends on answers).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from fastapi import APIRouter, FastAPI
from starlette.responses import JSONResponse

from cinema_shared import logs
from cinema_shared.http import errors
from cinema_shared.http.middleware import RequestContext
from cinema_shared.http.strict import MAX_BODY_BYTES
from cinema_shared.settings import Settings

log = structlog.get_logger(__name__)

_CHECK_TIMEOUT_S: Final = 1.5

Check = Callable[[], Awaitable[None]]


@dataclass
class Process:
    """What a service's `api.py` or `worker.py` fills in while it starts."""

    app: FastAPI
    checks: dict[str, Check] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """A task for as long as the process lives. One that ends makes the process unready."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_report)
        self._tasks.append(task)

        async def still_runs() -> None:
            if task.done():
                raise RuntimeError(f"{name} has ended")

        self.checks[name] = still_runs

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("task_failed", task=task.get_name(), exc_info=error)


def create_app(
    name: str,
    settings: Settings,
    *,
    start: Callable[[Process], AbstractAsyncContextManager[None]],
    routers: Sequence[APIRouter] = (),
) -> FastAPI:
    """An application named `name`; `start` opens its resources and closes them again."""
    logs.configure(name, settings.log_format, settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        process = Process(app)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(start(process))
            stack.push_async_callback(process.stop)
            app.state.checks = process.checks
            log.info("started", port=settings.port)
            yield
        log.info("stopped")

    app = FastAPI(
        title=name,
        version="1.0.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if routers else None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.add_middleware(RequestContext, max_body_bytes=MAX_BODY_BYTES)
    errors.install(app)
    for router in routers:
        app.include_router(router)
    app.add_api_route("/livez", _livez, include_in_schema=False)
    app.add_api_route("/readyz", _readyz(app), include_in_schema=False)
    return app


async def _livez() -> dict[str, str]:
    return {"status": "ok"}


def _readyz(app: FastAPI) -> Callable[[], Awaitable[JSONResponse]]:
    async def failure(check: Check) -> str | None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await check()
        except Exception as error:  # noqa: BLE001  (any failure at all means: not ready)
            return type(error).__name__
        return None

    async def readyz() -> JSONResponse:
        checks: dict[str, Check] = app.state.checks
        results = await asyncio.gather(*map(failure, checks.values()))
        missing = [name for name, result in zip(checks, results, strict=True) if result]
        if missing:
            return JSONResponse({"status": "unready", "missing": missing}, 503)
        return JSONResponse({"status": "ready"})

    return readyz
