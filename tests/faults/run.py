"""One run: a private suite, a crowd, a schedule of faults, and what the checker says of it.

python -m tests.faults.run --minutes 20 --seed 1
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults import calm, schedule, summary
from tests.faults.checker import State, check
from tests.faults.history import History
from tests.faults.injector import Injector
from tests.faults.private import Suite, private_suite
from tests.faults.refill import refill
from tests.faults.scene import Habits
from tests.faults.workload import crowd

HOLD_S: Final = 4.0
LONGEST_HOLD_S: Final = 8.0
# Longer than a lock outlives the expiry that clients are told.
HOLD_MARGIN_S: Final = 16.0
SETTINGS: Final = {
    "HOLD_DURATION_S": f"{HOLD_S:g}",
    "HOLD_LONGEST_S": f"{LONGEST_HOLD_S:g}",
}
_CALM_S: Final = 5.0
_PROGRESS_EVERY_S: Final = 5.0


@dataclass(frozen=True)
class Shape:
    """How a run is made."""

    seed: int
    seconds: float
    clients: int = 24
    users: int = 8
    sessions: int = 3
    seconds_a_session: float = 45.0
    progress: bool = True
    habits: Habits = field(default_factory=lambda: Habits(hold_s=HOLD_S))


async def run(
    suite: Suite, shape: Shape, plan: Sequence[schedule.Planned], file: Path | None = None
) -> tuple[History, State]:
    """Everything until all is quiet again."""
    history = History(file)
    injector = Injector(suite, history)
    async with crowd(
        suite.settings,
        history,
        seed=shape.seed,
        clients=shape.clients,
        users=shape.users,
        sessions=shape.sessions,
        seconds_a_session=shape.seconds_a_session,
        habits=shape.habits,
    ) as people:
        progress = asyncio.create_task(_progress(history, shape))
        begin = history.now()
        await injector.follow(
            [schedule.Planned(p.at + begin, p.kind, p.target, p.seconds) for p in plan]
        )
        await asyncio.sleep(max(0.0, begin + shape.seconds - _CALM_S - history.now()))
        unready = await calm.until_ready(suite)
        await asyncio.sleep(_CALM_S)
        await people.stop()
        progress.cancel()
        # Until every hold has ended, and what was under way has too: only then is there an end.
        await asyncio.sleep(LONGEST_HOLD_S + HOLD_MARGIN_S)
        state = await calm.read(suite, history, people, unready)
        open_still = calm.still_open(people.programme.all, history.now())
        await refill(people, open_still, state, suite.settings["REDIS_URL"])
    history.finish()
    return history, state


async def _progress(history: History, shape: Shape) -> None:
    before, attempts_before = history.now(), 0
    while shape.progress:
        await asyncio.sleep(_PROGRESS_EVERY_S)
        now = history.now()
        attempts = [call for call in history.calls if call.action in summary.ATTEMPTS]
        unknown = Counter(call.outcome for call in attempts[attempts_before:])["unknown"]
        new = len(attempts) - attempts_before
        print(
            f"{now:7.0f} s  {len(attempts):7} attempts  {new / (now - before):6.0f}/s"
            f"  {unknown / new if new else 0:5.0%} unknown  {len(history.faults):4} faults",
            flush=True,
        )
        before, attempts_before = now, len(attempts)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.faults.run", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=None, help="default: drawn from the clock")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--clients", type=int, default=Shape.clients)
    parser.add_argument("--plan", action="store_true", help="only print the schedule")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else int(time.time()) % 1_000_000
    seconds = asked.minutes * 60
    plan = schedule.plan(seed, seconds, asked.replicas)
    if asked.plan:
        print(*plan, sep="\n")
        return
    folder = Path(tempfile.mkdtemp(prefix="cinema-history-"))
    print(f"seed {seed}: {len(plan)} faults in {asked.minutes:g} minutes; history in {folder}")
    (folder / "schedule").write_text("\n".join(map(str, plan)) + "\n")
    with private_suite(asked.replicas, SETTINGS) as suite:
        print(f"the suite is up: {suite.url}", flush=True)
        shape = Shape(
            seed,
            seconds,
            clients=asked.clients,
        )
        history, state = asyncio.run(run(suite, shape, plan, folder / "history.jsonl"))
        suite.keep_logs(folder / "logs")
    violations = check(history, state)
    told = summary.text(history, violations, seed=seed, minutes=asked.minutes)
    (folder / "summary").write_text(told + "\n")
    print(told)
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
