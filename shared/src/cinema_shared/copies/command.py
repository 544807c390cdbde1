"""`python -m <service> rebuild [--check] [--json]`, for an operator."""

import argparse
import asyncio
import json
import sys
from typing import Final

import asyncpg
from aio_pika.exceptions import AMQPError

from cinema_shared import logs
from cinema_shared.copies.rebuild import Copy, NotMendedError, Outcome, rebuild
from cinema_shared.problems import ServiceUnavailable

DIFFERENT: Final = 1
UNAVAILABLE: Final = 3


def run(copy: Copy, database_url: str, rabbitmq_url: str) -> None:
    """Do what the command line says, and exit."""
    parser = argparse.ArgumentParser(
        prog="rebuild",
        description=f"Makes the copy of {copy.owner}'s {copy.rows} anew, while everything runs.",
        epilog="Exits with 0; 1: --check found a difference; 3: not now, nothing was changed.",
    )
    parser.add_argument("--check", action="store_true", help="change nothing, tell how it differs")
    parser.add_argument("--json", action="store_true", help="one JSON object, for a script")
    wanted = parser.parse_args(sys.argv[2:])
    logs.configure_command()
    try:
        outcome = asyncio.run(rebuild(copy, database_url, rabbitmq_url, check=wanted.check))
    except ServiceUnavailable:
        _give_up(f"{copy.owner}'s worker does not answer; see that it runs")
    except NotMendedError as error:
        _give_up(
            f"the copy would still differ ({error}), which is a mistake in the code; report it"
        )
    except asyncpg.LockNotAvailableError:
        _give_up(f"the table {copy.table} stays locked; see whether another rebuild runs")
    except asyncpg.PostgresError as error:
        _give_up(f"PostgreSQL refused ({type(error).__name__}); see its log")
    # aio-pika cancels whoever waits when a connection breaks.
    except (AMQPError, OSError, asyncpg.InterfaceError, asyncio.CancelledError) as error:
        _give_up(
            f"the connection to RabbitMQ or PostgreSQL failed ({type(error).__name__});"
            " see that they run"
        )
    told = json.dumps(outcome.as_dict()) if wanted.json else _told(copy, outcome, wanted.check)
    sys.stdout.write(told + "\n")
    sys.exit(DIFFERENT if wanted.check and not outcome.was_the_same else 0)


def _told(copy: Copy, outcome: Outcome, checked: bool) -> str:
    sources = f"{outcome.events_read} events in the log, {outcome.rows_of_owner} rows of its own"
    lines = [
        f"{copy.rows} of {copy.owner}: {sources}",
        f"  rows before  {outcome.before:>9}",
        f"  rows after   {outcome.after:>9}",
        f"  differing    {outcome.differing:>9}",
        f"  missing      {outcome.missing:>9}",
        f"  surplus      {outcome.surplus:>9}",
    ]
    if outcome.events_not_understood:
        lines.append(f"  {outcome.events_not_understood} events of the log were not understood.")
    if outcome.left_alone:
        lines.append(
            f"  {outcome.left_alone} rows are missing that {copy.owner} is changing just now:"
            " run this again in a minute."
        )
    if outcome.was_the_same:
        lines.append("The copy is as it should be.")
    else:
        lines.append("Nothing was changed." if checked else "The copy was mended.")
    return "\n".join(lines)


def _give_up(why: str) -> None:
    sys.stderr.write(f"Nothing was changed: {why}, and try again.\n")
    sys.exit(UNAVAILABLE)
