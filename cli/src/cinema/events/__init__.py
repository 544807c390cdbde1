"""`cinema events`: what was told, what could not be handled, and what others made of it."""

import typer

from cinema.events import dead, rebuild, tail

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The events of the suite, and those who listen.",
)
app.add_typer(dead.app, name="dead")
app.command("tail")(tail.tail)
app.command("rebuild")(rebuild.rebuild)
