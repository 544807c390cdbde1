"""Becomes one program, in exactly its own environment: python launch.py PLAN.json.

supervisord would hand down its own environment, and its configuration would have to spell out
each secret. The program keeps this process's pid, so what dies is what supervisord watches.
"""

import json
import os
import sys
import time
from pathlib import Path

# One that died is back at once, so that a crash costs no second. One that dies again and again
# without having lived waits ever longer, or its attempts would take the CPU from all others.
LIVED_S = 10
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
AT_ONCE = 1


def main() -> None:
    file = Path(sys.argv[1])
    plan = json.loads(file.read_text())
    time.sleep(wait(file.with_suffix(".starts")))
    os.chdir(plan["directory"])
    os.execve(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606


def wait(file: Path) -> float:
    """How long, going by the starts in a row after lives that were too short."""
    row, last = json.loads(file.read_text()) if file.exists() else (0, 0.0)
    short = 0 <= time.time() - last < LIVED_S
    row = row + 1 if short else 0
    seconds = 0.0
    if row > AT_ONCE:
        seconds = min(FIRST_WAIT_S * 2 ** (row - AT_ONCE - 1), LONGEST_WAIT_S)
    file.write_text(json.dumps((row, time.time() + seconds)))
    return seconds


if __name__ == "__main__":
    main()
