"""`cinema events dead`: what listeners could not handle."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer
from aio_pika.abc import AbstractConnection
from cinema_shared.http.fields import format_time
from cinema_shared.messaging.topology import WITH_DEAD_LETTERS, Queue
from rich.table import Table

from cinema.events.dead_letters import DeadLetter, discard, look, replay
from cinema.output import ago, note, say, say_json
from cinema.rabbitmq import with_rabbitmq
from cinema.refusals import NotThere, WrongUse

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Dead letters: what a listener could not handle. They wait for a person.",
)

OfQueue = Annotated[
    str | None,
    typer.Option("--queue", metavar="NAME", help="Of this queue only, such as catalog.tickets."),
]
Named = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="Its id, or the beginning of it.")
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for a script.")]

Piles = list[tuple[Queue, int, list[DeadLetter]]]


@app.command("list")
def list_(queue: OfQueue = None, as_json: AsJson = False) -> None:
    """List the dead letters and what they died of. It takes none away.

    The cause names the error and the line of code that raised it. `RabbitMQ: delivery_limit` has
    been delivered too often: whoever took it died, or lost its connection, each time.
    """
    piles = _look(_queues(queue))
    if as_json:
        say_json([_pile(*pile) for pile in piles])
        return
    for name, count, letters in piles:
        if count:
            oldest = min((letter.at for letter in letters if letter.at), default=None)
            say(f"{name.name}: {count}, the oldest {ago(oldest)} ago", style="bold")
            if count > len(letters):
                note(f"The first {len(letters)} are shown.")
            say(_table(letters))
    if not any(count for _, count, _ in piles):
        say("There are no dead letters.")


@app.command()
def show(identity: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one dead letter whole: cause, headers, body. The body may tell of persons."""
    for letter in _named(_look(WITH_DEAD_LETTERS), identity):
        if as_json:
            say_json(_letter(letter))
            continue
        say(f"{letter.id} in {letter.queue}.dead", style="bold")
        say(f"cause    {letter.cause}")
        say(f"died     {format_time(letter.at) if letter.at else '?'}")
        say(f"buried by  {letter.by or 'RabbitMQ'}")
        say(f"type     {letter.type or '?'}")
        say(f"subject  {letter.subject or '?'}")
        for name, value in letter.headers.items():
            say(f"header   {name}: {value}")
        say(_pretty(letter.body))


@app.command("replay")
def replay_(identity: Named = None, every: All = False, queue: OfQueue = None) -> None:
    """Put dead letters back into the queue that they came from, when what ailed them is mended.

    No other listener hears of it again. One that was handled already has no effect; one that fails
    again comes back here.
    """
    for chosen, only in _chosen(identity, every=every, queue=queue):
        done = with_rabbitmq(partial(replay, queue=chosen, only=only))
        say(f"{done} put back into {chosen.name}")


@app.command("discard")
def discard_(
    identity: Named = None,
    every: All = False,
    queue: OfQueue = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Throw dead letters away, for good.

    The events stay in the log for as long as that reaches back. What a service has missed by them
    comes back with `cinema events rebuild`.
    """
    for chosen, only in _chosen(identity, every=every, queue=queue):
        what = f"dead letter {only}" if only else "all dead letters"
        if yes or typer.confirm(f"Throw away {what} of {chosen.name}, for good?"):
            done = with_rabbitmq(partial(discard, queue=chosen, only=only))
            say(f"{done} of {chosen.name} thrown away")


def _queues(name: str | None) -> Sequence[Queue]:
    if name is None:
        return WITH_DEAD_LETTERS
    found = [queue for queue in WITH_DEAD_LETTERS if name in (queue.name, queue.dead)]
    if not found:
        known = ", ".join(queue.name for queue in WITH_DEAD_LETTERS)
        raise WrongUse(f"No queue {name} has dead letters. There are: {known}.")
    return found


def _look(queues: Sequence[Queue]) -> Piles:
    async def look_at_all(connection: AbstractConnection) -> Piles:
        return [(queue, *await look(connection, queue)) for queue in queues]

    return with_rabbitmq(look_at_all)


def _named(piles: Piles, identity: str) -> list[DeadLetter]:
    """One message may have died in several queues."""
    found = [
        letter for _, _, letters in piles for letter in letters if letter.id.startswith(identity)
    ]
    if not found:
        raise NotThere(f"There is no dead letter {identity}. `cinema events dead list` names all.")
    if len({letter.id for letter in found}) > 1:
        raise WrongUse(f"More than one id begins with {identity}. Write more of it.")
    return found


def _chosen(
    identity: str | None, *, every: bool, queue: str | None
) -> Sequence[tuple[Queue, str | None]]:
    """Queues with what is meant of them: one dead letter, or all."""
    queues = _queues(queue)
    if every == (identity is not None):
        raise WrongUse("Name one dead letter by its id, or say --all.")
    piles = _look(queues)
    if identity is not None:
        letters = _named(piles, identity)
        return [
            (queue, letter.id)
            for queue in queues
            for letter in letters
            if letter.queue == queue.name
        ]
    filled = [(queue, None) for queue, count, _ in piles if count]
    if not filled:
        say("There are no dead letters.")
    return filled


def _table(letters: Sequence[DeadLetter]) -> Table:
    table = Table("age", "type", "subject", "cause", "id", box=None, pad_edge=False)
    for letter in letters:
        table.add_row(
            ago(letter.at), letter.type or "?", letter.subject or "?", letter.cause, letter.id
        )
    return table


def _pile(queue: Queue, count: int, letters: list[DeadLetter]) -> dict[str, Any]:
    oldest = min((letter.at for letter in letters if letter.at), default=None)
    return {
        "queue": queue.name,
        "count": count,
        "oldest": format_time(oldest) if oldest else None,
        "dead_letters": [
            {name: value for name, value in _letter(letter).items() if name != "body"}
            for letter in letters
        ],
    }


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "queue": letter.queue,
        "id": letter.id,
        "type": letter.type,
        "subject": letter.subject,
        "cause": letter.cause,
        "at": format_time(letter.at) if letter.at else None,
        "buried_by": letter.by,
        "body": letter.body,
    }


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
