"""The command `cinema`: its groups, and how it ends."""

import sys

import typer
from cinema_shared import logs

from cinema import events
from cinema.output import complain
from cinema.refusals import Refusal

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    # A traceback with its variables would show addresses with their passwords.
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(events.app, name="events")


@app.callback()
def cinema() -> None:
    """What an operator of the suite needs.

    Finds the servers in the environment, in /run/secrets, or in the checkout's .env
    (CINEMA_ENV_FILE names another file).

    Exits with 0 when all went well, 1 when something asked for is not there or not as it should
    be, 2 when the command line or a setting is wrong, 3 when a server cannot be reached.
    """


def main() -> None:
    logs.configure_command()
    try:
        app(prog_name="cinema")
    except Refusal as refusal:
        complain(str(refusal))
        sys.exit(refusal.code)


if __name__ == "__main__":
    main()
