"""A disk that has no room left, until it has: a tmpfs, and a file that fills it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MB = 1 << 20


class SmallDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """To the last byte."""
        with self._ballast.open("ab", buffering=0) as out:
            for size in (MB, 4096):
                block = bytes(size)
                try:
                    while out.write(block) == size:
                        pass
                except OSError:
                    continue
        assert os.statvfs(self.folder).f_bavail == 0

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: float) -> Iterator[SmallDisk]:
    folder.mkdir()
    # Readable for PostgreSQL's account, too.
    options = f"size={int(megabytes * MB)},mode=0755"
    _run("mount", "-t", "tmpfs", "-o", options, "cinema-faults", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        _run("umount", "--lazy", str(folder))
        folder.rmdir()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"{' '.join(command)}: {done.stderr.strip()}. A disk is made full here by mounting a small"
        " one, which takes root, and in a container CAP_SYS_ADMIN."
    )
