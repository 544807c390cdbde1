"""The suite as ordinary processes of this machine.

CINEMA_RUN_DIR and CINEMA_ENV_FILE name other places than .run and .env: a second suite.
"""

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import configuration
import environment
import logs
import servers
import services
from migrations import Migrations
from places import Places
from program import Program
from supervision import Supervision

SECONDS_TO_START = 90


class Suite:
    def __init__(self, places: Places) -> None:
        self.places = places
        self.supervision = Supervision(places)
        self.began = time.monotonic()
        self.told: set[str] = set()
        self.told_to = sys.stdout

    def up(self, replicas: int) -> None:
        with self._one_at_a_time():
            values = self._settings()
            programs = services.programs(self.places, values, replicas)
            private = self._start_servers(values)
            self.supervision.check_ports(programs)
            migrations = Migrations(self.places, values)  # while RabbitMQ still starts
            self._wait(private)
            migrations.wait()
            self._say("migrations", "done")
            self.supervision.run([*private, *programs])
            self._wait(programs)
        print(f"The suite is up: {values['GATEWAY_URL']}  (make ps, make logs, make down)")

    def up_servers(self) -> None:
        self.told_to = sys.stderr
        with self._one_at_a_time():
            values = self._settings()
            self._wait(self._start_servers(values))
        for name, url in servers.test_urls(self.places, values).items():
            print(f"{name}={url}")

    def down(self) -> None:
        if not self.places.run.exists():
            return
        with self._one_at_a_time():
            self.supervision.stop(last=servers.NAMES)
        print(f"Stopped; the data stays in {self.places.run}.")

    def ps(self) -> None:
        if not self.supervision.is_running():
            raise SystemExit("The suite is not running: make up")
        states = self.supervision.states()
        urls = configuration.urls(self.places)
        for name in sorted(states, key=_order):
            print(name, states[name]["pid"] or "-", urls[name])

    # --- inside

    def _settings(self) -> dict[str, str]:
        new = not self.places.env_file.exists()
        values = environment.ensure(self.places)
        self._say("settings", f"{'written' if new else 'read'}   {self.places.env_file}")
        return values

    def _start_servers(self, values: dict[str, str]) -> list[Program]:
        """All of them; PostgreSQL is ready afterwards, and its databases are there."""
        servers.check_others(self.places, values)
        private = servers.prepared(self.places, values)
        self.supervision.run(private, keep_others=True)
        self._wait(server for server in private if server.name == "postgres")
        servers.make_databases(self.places, values)
        return private

    def _wait(self, programs: Iterable[Program]) -> None:
        missing = list(programs)
        deadline = time.monotonic() + SECONDS_TO_START
        while missing:
            for program in [program for program in missing if program.is_ready()]:
                missing.remove(program)
                if program.name not in self.told:
                    self.told.add(program.name)
                    self._say(program.name, f"ready     {program.url}")
            if missing and time.monotonic() > deadline:
                self._give_up(missing)
            time.sleep(0.1 if missing else 0)

    def _give_up(self, missing: list[Program]) -> None:
        for program in missing:
            log = self.places.logs / f"{program.name}.log"
            print(f"\n{program.name} is not ready. The end of {log}:\n{logs.tail(log)}")
        names = ", ".join(program.name for program in missing)
        raise SystemExit(
            f"\nNot ready after {SECONDS_TO_START} s: {names}. They go on trying: make logs"
            f" SERVICE={missing[0].name} follows one, make up waits again, make down ends it."
        )

    def _say(self, name: str, what: str) -> None:
        print(
            f"  {time.monotonic() - self.began:5.1f} s  {name:20} {what}",
            file=self.told_to,
            flush=True,
        )

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        self.places.run.mkdir(parents=True, exist_ok=True)
        with (self.places.run / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _order(name: str) -> tuple[bool, bool, str]:
    """As the contract lists them: the gateway first, the servers last."""
    return name in servers.NAMES, name != "gateway", name


def main() -> None:
    parser = argparse.ArgumentParser(prog="suite.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start what does not run yet, and wait until it is ready")
    up.add_argument(
        "--ticketing",
        type=int,
        default=int(os.environ.get("TICKETING", "1")),
        metavar="N",
        help="how many ticketing replicas (default: $TICKETING, or 1)",
    )
    commands.add_parser("servers", help="start the private servers only, and print their urls")
    commands.add_parser("down", help="stop everything; data stays")
    commands.add_parser("ps", help="name, pid and url of each process")
    follow = commands.add_parser("logs", help="follow the logs")
    follow.add_argument("name", nargs="?", help="of one process only")
    arguments = parser.parse_args()

    suite = Suite(Places.named_by_environment())
    match arguments.command:
        case "up":
            suite.up(arguments.ticketing)
        case "servers":
            suite.up_servers()
        case "down":
            suite.down()
        case "ps":
            suite.ps()
        case "logs":
            with suppress(KeyboardInterrupt):
                logs.follow(suite.places.logs, arguments.name)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
