"""supervisord: starting it, ending it, and telling it what to run."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import configuration
import leftovers
from places import Places, is_free
from program import Program
from supervisor.xmlrpc import SupervisorTransport

LONGEST_SOCKET_NAME = 95  # the kernel takes 107, and supervisord appends its pid for a moment
SECONDS_TO_START = 10
ALIVE = {"STARTING", "RUNNING", "STOPPING", "BACKOFF"}


class Supervision:
    def __init__(self, places: Places) -> None:
        self.places = places
        self.socket = places.run / "supervisord.sock"
        if len(str(self.socket)) > LONGEST_SOCKET_NAME:
            name = hashlib.sha256(str(places.run).encode()).hexdigest()[:12]
            self.socket = Path(tempfile.gettempdir(), f"cinema-{os.geteuid()}-{name}", "sock")

    def is_running(self) -> bool:
        try:
            return bool(self._ask().getState()["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def states(self) -> dict[str, dict[str, Any]]:
        """Of each program: its pid, and what supervisord thinks of it."""
        return {state["name"]: state for state in self._ask().getAllProcessInfo()}

    def run(self, programs: Collection[Program], *, keep_others: bool = False) -> None:
        """Makes it run these, leaving alone those that are as they were."""
        if not self.is_running():
            leftovers.end(self.places)
        self.check_ports(programs)
        self.places.programs.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = {program.name for program in programs}
        if keep_others and self.is_running():
            wanted |= self.states().keys()
        configuration.forget_all_but(self.places, wanted)
        for program in programs:
            configuration.write_program(self.places, program)
        self._start()
        self._apply()

    def check_ports(self, programs: Collection[Program]) -> None:
        """Another program there would answer in ours' place, and look ready."""
        running = self.states() if self.is_running() else {}
        for program in programs:
            port = urlsplit(program.url).port or 80
            if program.name not in running and not is_free(port):
                where = "GATEWAY_URL" if program.name == "gateway" else "its address"
                raise SystemExit(
                    f"Port {port}, where {program.name} is to listen, is taken by another program."
                    f" Stop that one, or change {where} in {self.places.env_file}."
                )

    def stop(self, last: Collection[str] = ()) -> None:
        """Ends everything, the servers named by `last` after those who use them."""
        if self.is_running():
            supervisor = self._ask()
            running = set(self.states())
            for names in (running - set(last), running & set(last)):
                for name in names:
                    with suppress(xmlrpc.client.Fault):  # it was not running
                        supervisor.stopProcess(name, False)  # noqa: FBT003
                while any(self.states()[name]["statename"] in ALIVE for name in names):
                    time.sleep(0.05)
            supervisor.shutdown()
            while self.is_running():
                time.sleep(0.05)
        leftovers.end(self.places)
        if self.socket.parent != self.places.run:
            shutil.rmtree(self.socket.parent, ignore_errors=True)

    def _start(self) -> None:
        if self.is_running():
            return
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        if self.socket.parent.stat().st_uid != os.geteuid():
            raise SystemExit(f"{self.socket.parent} belongs to somebody else.")
        self.places.logs.mkdir(mode=0o700, exist_ok=True)
        file = configuration.write_supervisor(self.places, self.socket)
        subprocess.run([sys.executable, "-m", "supervisor.supervisord", "-c", file], check=True)
        deadline = time.monotonic() + SECONDS_TO_START
        while not self.is_running():
            if time.monotonic() > deadline:
                raise SystemExit(f"supervisord does not answer: see {self.places.logs}")
            time.sleep(0.05)

    def _apply(self) -> None:
        supervisor = self._ask()
        [[added, changed, removed]] = supervisor.reloadConfig()
        for name in added:
            supervisor.addProcessGroup(name)
        # What goes, goes last: until its successors run, others send it requests.
        for name in (*changed, *removed):
            with suppress(xmlrpc.client.Fault):  # it was not running
                supervisor.stopProcessGroup(name)
            supervisor.removeProcessGroup(name)
            if name in changed:
                supervisor.addProcessGroup(name)

    def _ask(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
