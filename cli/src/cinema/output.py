"""What the command says: tables and lines for a person, JSON for a script."""

import json
import sys
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console

# In a pipe nobody knows a width; long causes and ids are not to be cut there.
_WIDE: Final = 250

console = Console(
    highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE
)
_errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def complain(text: str) -> None:
    _errors.print(text, style="red")


def note(text: str) -> None:
    """Beside the output proper."""
    _errors.print(text, style="dim")


def show_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def ago(moment: datetime | None) -> str:
    """`3 h`: how long it is since then."""
    if moment is None:
        return "?"
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
