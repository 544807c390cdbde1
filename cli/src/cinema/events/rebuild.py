"""`cinema events rebuild`: has a service make its copy of another's rows anew."""

import subprocess
import sys
from enum import StrEnum
from importlib.util import find_spec
from typing import Annotated

import typer

from cinema.refusals import NotThere
from cinema.surroundings import environment


class Service(StrEnum):
    CATALOG = "catalog"
    TICKETING = "ticketing"


def rebuild(
    service: Annotated[Service, typer.Argument(help="Whose copy.")],
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 if it differs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for a script.")] = False,
) -> None:
    """Make a service's copy of another's rows anew, and tell how it differed.

    - catalog: the seats that are taken, which ticketing owns
    - ticketing: the programme, which catalog owns

    It is made from the log of events and from what the owner's worker says, in one transaction:
    until it ends everybody sees the old rows, and if it fails nothing was changed. All goes on
    meanwhile; what the service is told by event waits until the end.
    """
    module = f"{service}_service"
    if find_spec(module) is None:
        raise NotThere(f"{module} is not installed here. Run this where it is.")
    options = [*(["--check"] if check else []), *(["--json"] if as_json else [])]
    command = [sys.executable, "-m", module, "rebuild", *options]
    # The service's own code, with its own settings: this command knows no tables.
    done = subprocess.run(command, env=environment(), check=False)  # noqa: S603
    raise typer.Exit(done.returncode)
