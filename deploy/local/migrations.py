"""Each service's database, brought to the newest shape, all at once."""

import subprocess
import sys
from collections.abc import Mapping

from logs import tail
from places import ROOT, Places
from program import minimal_environment
from readers import settings
from services import MODULES

SERVICES = ("auth", "catalog", "ticketing")


class Migrations:
    def __init__(self, places: Places, values: Mapping[str, str]) -> None:
        self.logs = {name: places.logs / f"{name}-migrate.log" for name in SERVICES}
        self.processes = {}
        for name, log in self.logs.items():
            with log.open("wb") as out:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", MODULES[name], "migrate"],
                    cwd=ROOT,
                    env=minimal_environment(places) | settings(name, "migrate", values),
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )

    def wait(self) -> None:
        for name, process in self.processes.items():
            if process.wait():
                raise SystemExit(
                    f"The migration of {name} failed ({self.logs[name]}):\n{tail(self.logs[name])}"
                )
