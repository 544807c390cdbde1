"""Follows log files, each line with the name of who wrote it."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

LINES_OF_THE_PAST = 10


def follow(folder: Path, only: str | None = None) -> None:
    tails: dict[str, _Tail] = {}
    while True:
        for file in sorted(folder.glob("*.log")):
            if only in (None, file.stem) and file.stem not in tails:
                tails[file.stem] = _Tail(file)
        quiet = True
        width = max(map(len, tails), default=0)
        for name, tail in tails.items():
            for line in tail.lines():
                quiet = False
                print(f"{name:{width}} | {readable(line)}", flush=True)
        if quiet:
            time.sleep(0.2)


class _Tail:
    """Notices when the file was put aside for a new one."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.open: IO[str] = file.open(errors="replace")
        self.past = True

    def lines(self) -> Iterator[str]:
        lines: Iterable[str] = self.open.readlines()
        if self.past:
            self.past = False
            lines = list(lines)[-LINES_OF_THE_PAST:]
        yield from (line.rstrip("\n") for line in lines)
        if self._was_put_aside():
            yield from (line.rstrip("\n") for line in self.open.readlines())
            self.open.close()
            self.open = self.file.open(errors="replace")

    def _was_put_aside(self) -> bool:
        try:
            return self.file.stat().st_ino != os.fstat(self.open.fileno()).st_ino
        except FileNotFoundError:
            return False


def readable(line: str) -> str:
    """A JSON line as a person reads it: when, how grave, what, and the rest as name=value."""
    try:
        said = json.loads(line)
    except ValueError:
        return line
    if not isinstance(said, dict) or "event" not in said:
        return line
    when = str(said.pop("timestamp", ""))[11:23]
    level, event = str(said.pop("level", "")).upper(), said.pop("event")
    trace = said.pop("exception", None)
    rest = " ".join(f"{name}={value}" for name, value in said.items())
    text = f"{when} {level:7} {event}  {rest}".rstrip()
    return f"{text}\n{trace}" if trace else text


def tail(file: Path, lines: int = 15) -> str:
    if not file.exists():
        return ""
    return "\n".join(map(readable, file.read_text(errors="replace").splitlines()[-lines:]))
