"""Becomes one program, in exactly its own environment: python launch.py PLAN.json.

supervisord would hand down its own environment, and its configuration would have to spell out
each secret. The program keeps this process's pid, so what dies is what supervisord watches.
"""

import json
import os
import sys
import time
from pathlib import Path

# One that cannot start is tried again each second, for ever; one that ran and died, at once.
SECONDS_BETWEEN_STARTS = 1.0


def main() -> None:
    file = Path(sys.argv[1])
    plan = json.loads(file.read_text())
    started = file.with_suffix(".started")
    if started.exists():
        age = time.time() - started.stat().st_mtime
        time.sleep(min(max(SECONDS_BETWEEN_STARTS - age, 0), SECONDS_BETWEEN_STARTS))
    started.touch()
    os.chdir(plan["directory"])
    os.execve(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606


if __name__ == "__main__":
    main()
