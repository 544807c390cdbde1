"""supervisord runs the programs: its configuration, and talking to it."""

import configparser
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from places import ROOT, Places, write_private
from program import MARK, Program
from supervisor.xmlrpc import SupervisorTransport

LAUNCH = ROOT / "deploy" / "local" / "launch.py"
LONGEST_SOCKET_NAME = 95  # the kernel takes 107, and supervisord appends its pid for a moment
SECONDS_TO_STOP = 15


class Supervision:
    def __init__(self, places: Places) -> None:
        self.places = places
        self.configuration = places.run / "supervisord.conf"
        socket = places.run / "supervisord.sock"
        if len(str(socket)) > LONGEST_SOCKET_NAME:
            name = hashlib.sha256(str(places.run).encode()).hexdigest()[:12]
            socket = Path(tempfile.gettempdir()) / f"cinema-{os.geteuid()}-{name}" / "sock"
        self.socket = socket

    # --- the process

    def is_running(self) -> bool:
        try:
            return bool(self._ask().getState()["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def start(self) -> None:
        if self.is_running():
            return
        end_leftovers(self.places)
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        if self.socket.parent.stat().st_uid != os.geteuid():
            raise SystemExit(f"{self.socket.parent} belongs to somebody else.")
        self.places.logs.mkdir(mode=0o700, exist_ok=True)
        self._write_configuration()
        subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.configuration)],
            check=True,
        )
        deadline = time.monotonic() + 10
        while not self.is_running():
            if time.monotonic() > deadline:
                raise SystemExit(f"supervisord does not answer: see {self.places.logs}")
            time.sleep(0.05)

    def stop(self, last: Iterable[str] = ()) -> None:
        """Ends everything, the servers named by `last` after those who use them."""
        if self.is_running():
            supervisor = self._ask()
            running = set(self.states())
            for names in (running - set(last), running & set(last)):
                for name in names:
                    self._quietly(supervisor.stopProcess, name, False)  # noqa: FBT003
                self._wait_until_stopped(names)
            supervisor.shutdown()
            while self.is_running():
                time.sleep(0.05)
        end_leftovers(self.places)
        if self.socket.parent != self.places.run:
            shutil.rmtree(self.socket.parent, ignore_errors=True)

    # --- the programs

    def run(self, programs: Iterable[Program], *, keep_others: bool = False) -> None:
        """Makes supervisord run these, leaving alone those that are as they were."""
        folder = self.places.programs
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep_others = keep_others and self.is_running()
        wanted = {program.name for program in programs}
        for file in folder.glob("*.conf"):
            if file.stem not in wanted and not keep_others:
                for suffix in (".conf", ".json", ".started"):
                    file.with_suffix(suffix).unlink(missing_ok=True)
        for program in programs:
            self._write_program(program)
        self.start()
        supervisor = self._ask()
        [[added, changed, removed]] = supervisor.reloadConfig()
        for name in added:
            supervisor.addProcessGroup(name)
        for name in changed:
            self._quietly(supervisor.stopProcessGroup, name)
            supervisor.removeProcessGroup(name)
            supervisor.addProcessGroup(name)
        for name in removed:  # last: until now others may have sent it requests
            self._quietly(supervisor.stopProcessGroup, name)
            supervisor.removeProcessGroup(name)

    def urls(self) -> dict[str, str]:
        plans = (json.loads(file.read_text()) for file in self.places.programs.glob("*.json"))
        return {plan["name"]: plan["url"] for plan in plans}

    def states(self) -> dict[str, dict[str, Any]]:
        return {state["name"]: state for state in self._ask().getAllProcessInfo()}

    # --- inside

    def _ask(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def _quietly(self, call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except xmlrpc.client.Fault:  # it was not running
            return

    def _wait_until_stopped(self, names: set[str]) -> None:
        running = {"STARTING", "RUNNING", "STOPPING", "BACKOFF"}
        while any(self.states()[name]["statename"] in running for name in names):
            time.sleep(0.05)

    def _write_configuration(self) -> None:
        run, logs = self.places.run, self.places.logs
        _write(
            self.configuration,
            {
                "supervisord": {
                    "logfile": logs / "supervisord.log",
                    "pidfile": run / "supervisord.pid",
                    "childlogdir": logs,
                    "silent": "true",
                }
                | ({"user": "root"} if os.geteuid() == 0 else {}),
                "unix_http_server": {"file": self.socket, "chmod": "0700"},
                "rpcinterface:supervisor": {
                    "supervisor.rpcinterface_factory": (
                        "supervisor.rpcinterface:make_main_rpcinterface"
                    )
                },
                "include": {"files": f"{self.places.programs.name}/*.conf"},
            },
        )

    def _write_program(self, program: Program) -> None:
        plan = json.dumps(
            {
                "name": program.name,
                "url": program.url,
                "command": program.command,
                "directory": str(program.directory),
                "environment": program.whole_environment(self.places),
            },
            indent=1,
        )
        file = self.places.programs / f"{program.name}.json"
        write_private(file, plan)
        _write(
            file.with_suffix(".conf"),
            {
                f"program:{program.name}": {
                    "command": shlex.join([sys.executable, "-I", str(LAUNCH), str(file)]),
                    # supervisord restarts a program whose section changed: it must see that
                    # the plan did.
                    "environment": f'PLAN="{hashlib.sha256(plan.encode()).hexdigest()}"',
                    "autorestart": "true",
                    "startsecs": "0",  # no start ever counts as failed, so it never gives up
                    "stopsignal": program.stop_signal,
                    "stopwaitsecs": SECONDS_TO_STOP,
                    "killasgroup": "true",
                    "redirect_stderr": "true",
                    "stdout_logfile": self.places.logs / f"{program.name}.log",
                    "stdout_logfile_maxbytes": "10MB",
                    "stdout_logfile_backups": "3",
                }
            },
        )


def end_leftovers(places: Places) -> None:
    """Ends what a killed supervisord left behind, and the port mapper that Erlang starts."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 5
        for pid in _leftovers(places):
            os.kill(pid, number)
        while _leftovers(places):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)


def _leftovers(places: Places) -> list[int]:
    mark = f"{MARK}={places.run}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:  # gone, or somebody else's
            continue
    return found


def _write(file: Path, sections: dict[str, dict[str, Any]]) -> None:
    parser = configparser.RawConfigParser()
    for section, values in sections.items():
        parser[section] = {name: str(value).replace("%", "%%") for name, value in values.items()}
    with file.open("w") as out:
        parser.write(out)
