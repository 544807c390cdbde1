"""What the command says: tables and lines for a person, JSON for a script."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, RenderableType

# In a pipe nobody knows a width; long causes and ids are not to be cut there.
_WIDE: Final = 250


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


_console = _Console(
    highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE
)
_errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def say(what: RenderableType, style: str | None = None) -> None:
    with _listened_to():
        _console.print(what, style=style)


def say_json(value: Any) -> None:
    """In one line, at once."""
    with _listened_to():
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def complain(text: str) -> None:
    _errors.print(text, style="red")


def note(text: str) -> None:
    """Beside the output proper."""
    _errors.print(text, style="dim")


@contextmanager
def _listened_to() -> Iterator[None]:
    """Whoever reads us, `head` for one, may have enough: that ends the command, and is no error.

    Said here, as anywhere else a broken pipe would be a lost server.
    """
    try:
        yield
    except BrokenPipeError:
        # Nothing is left to be flushed into it at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def ago(moment: datetime | None) -> str:
    """`3 h`: how long it is since then."""
    if moment is None:
        return "?"
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
