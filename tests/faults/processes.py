"""Processes of the suite, from outside: their children, their connections, freezing them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def has_connection_from(pid: int, port: int) -> bool:
    """Whether the process is the client at this port of the loopback."""
    wanted = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}")
    }
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if descriptor.readlink().name.removeprefix("socket:[").removesuffix("]") in wanted:
                return True
    return False


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Processes and their children, as PostgreSQL's are its sessions, stand still."""
    stopped = [one for pid in pids for one in (pid, *children(pid))]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
