"""What supervisord runs: one process, its environment, and how to tell that it is ready."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from places import ROOT, Places

# Marks every process of a suite, so that one left over by a killed supervisord is found again.
MARK = "CINEMA_SUITE"


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]
    url: str
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = ROOT
    stop_signal: str = "TERM"

    def whole_environment(self, places: Places) -> dict[str, str]:
        return {**minimal_environment(places), **self.environment}


def minimal_environment(places: Places) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        MARK: str(places.run),
    }
