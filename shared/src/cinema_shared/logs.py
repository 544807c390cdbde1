"""Structured logs: one JSON object a line, or coloured lines for a person at a terminal."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor

from cinema_shared import context


def _add_request(_: object, __: str, event: EventDict) -> EventDict:
    if (request_id := context.request_id.get()) != "-":
        event["request_id"] = request_id
    if trace := context.traceparent.get():
        event["trace_id"] = trace.split("-")[1]
    return event


def configure_command() -> None:
    """For a command, whose output is on stdout: what is logged goes to stderr."""
    _quieten()
    # Whatever another part of this process has set up for its own output.
    structlog.reset_defaults()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def _quieten() -> None:
    """aio-pika and aiormq tell of each lost connection with a traceback; one line is ours."""
    for noisy in ("aio_pika", "aiormq", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def configure(service: str, log_format: str, level: str) -> None:
    """Send structlog and the standard library's loggers down the same pipe, to stdout."""
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request,
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        # Plain: the default prints every local variable, settings and their passwords among them.
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    _quieten()
    structlog.configure(
        processors=[*common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
