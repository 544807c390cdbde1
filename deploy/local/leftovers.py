"""Processes of this suite that nobody watches any more, found by the mark in their environment.

A killed supervisord leaves all of them; Erlang's port mapper outlives its server by design.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from places import Places
from program import MARK

SECONDS_TO_GO = 5


def end(places: Places) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + SECONDS_TO_GO
        for pid in _found(places):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while _found(places) and time.monotonic() < deadline:
            time.sleep(0.05)


def _found(places: Places) -> list[int]:
    mark = f"{MARK}={places.run}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile, or somebody else's
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
