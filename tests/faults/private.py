"""A suite of our own in a folder that goes away with it: started, watched, and ended."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.e2e.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
SABOTAGE = Path(__file__).parent / "sabotage"


@dataclass
class Suite:
    """The settings are those of its .env, what an operator needs included."""

    folder: Path
    replicas: int
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.settings["GATEWAY_URL"].rstrip("/")

    @property
    def sabotage(self) -> Path:
        """Names the guard to do without, in a suite whose guards can be taken out."""
        return self.folder / "sabotage"

    @property
    def logs(self) -> Path:
        return self.folder / "run" / "logs"

    def run(self, command: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "deploy/local/suite.py"), command],
            env=os.environ
            | {
                "CINEMA_RUN_DIR": str(self.folder / "run"),
                "CINEMA_ENV_FILE": str(self.folder / "env"),
                "TICKETING": str(self.replicas),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"suite.py {command}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def processes(self) -> dict[str, tuple[int | None, str]]:
        """By name: the pid, where it runs, and the url."""
        lines = (line.split() for line in self.run("ps").splitlines())
        return {name: (int(pid) if pid.isdigit() else None, url) for name, pid, url in lines}

    def pid(self, name: str) -> int:
        """Of a process that runs."""
        pid, _ = self.processes()[name]
        assert pid, name
        return pid

    def keep_logs(self, folder: Path) -> None:
        shutil.copytree(self.logs, folder)

    def read_settings(self) -> None:
        lines = (self.folder / "env").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line and line[0] != "#")
        self.settings.update({name: value for name, _, value in pairs})


@contextmanager
def private_suite(
    replicas: int = 2, settings: Mapping[str, str] | None = None, *, breakable: bool = False
) -> Iterator[Suite]:
    """Where it is `breakable`, single guards can be taken out of it: `sabotage/`."""
    with tempfile.TemporaryDirectory(prefix="cinema-faults-") as folder:
        suite = Suite(Path(folder), replicas)
        chosen = {
            "GATEWAY_URL": f"http://127.0.0.1:{free_port()}",
            "RATE_LIMITS": "off",
            "CINEMA_TIMEZONE": zone_where_it_is_morning(),
            # No client logs in twice.
            "ACCESS_LIFETIME": "06:00:00",
            **(settings or {}),
        }
        # What we see of Python packages, the processes of the suite see.
        packages = os.environ.get("PYTHONPATH", "")
        if breakable:
            packages = os.pathsep.join([str(SABOTAGE), packages]).rstrip(os.pathsep)
            chosen["SABOTAGE_FILE"] = str(suite.sabotage)
        if packages:
            chosen["PYTHONPATH"] = packages
        (suite.folder / "env").write_text("".join(f"{k}={v}\n" for k, v in chosen.items()))
        # Asked to end, the run still ends its suite.
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            suite.run("up")
            suite.read_settings()
            yield suite
        finally:
            suite.run("down")
            signal.signal(signal.SIGTERM, before)


def zone_where_it_is_morning() -> str:
    """So that a session two hours from now, and an hour later, is within the opening hours."""
    ahead = (10 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"
