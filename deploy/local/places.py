"""Where a suite keeps its things, and what it chose once and for all: ports, internal passwords."""

import json
import os
import random
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Places:
    """One suite: two with different places run beside each other and share nothing."""

    run: Path
    env_file: Path

    @classmethod
    def named_by_environment(cls) -> "Places":
        return cls(
            run=(ROOT / os.environ.get("CINEMA_RUN_DIR", ".run")).resolve(),
            env_file=(ROOT / os.environ.get("CINEMA_ENV_FILE", ".env")).resolve(),
        )

    @property
    def logs(self) -> Path:
        return self.run / "logs"

    @property
    def programs(self) -> Path:
        return self.run / "programs"

    def port(self, name: str) -> int:
        return int(self._chosen(name, free_port))

    def password(self, name: str) -> str:
        return str(self._chosen(name, lambda: secrets.token_urlsafe(24)))

    def _chosen(self, name: str, choose: Callable[[], Any]) -> Any:
        file = self.run / "chosen.json"
        chosen = json.loads(file.read_text()) if file.exists() else {}
        if name not in chosen:
            chosen[name] = choose()
            self.run.mkdir(parents=True, exist_ok=True)
            write_private(file, json.dumps(chosen, indent=1) + "\n")
        return chosen[name]


def free_port() -> int:
    """Chooses below the range that the kernel gives to outgoing connections.

    A port out of that range is free today and, while its server restarts, somebody's end of a
    connection: the server could not come back.
    """
    for _ in range(1000):
        port = random.randint(15000, 32000)  # noqa: S311
        if is_free(port):
            return port
    raise RuntimeError("no free port found between 15000 and 32000")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write_private(file: Path, text: str) -> None:
    """Writes whole or not at all, readable by its owner alone."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    part.replace(file)


def give_to_owner_of_folder(path: Path) -> None:
    """A container writes as root; whoever owns the work tree must be able to read and delete."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
