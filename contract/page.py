"""The document as a page to look at offline, in the look of the gateway's page of the API."""

import json
from html import escape
from typing import Final

from cinema_shared.events.registry import COMMANDS, EVENTS, CommandType, EventType
from gateway.docs.page import STYLE, described, kind, prose, row

from contract.asyncapi import Document, example
from contract.schemas import Schema, command_bodies, event_schema

_SOURCES: Final = tuple(dict.fromkeys(event.source for event in EVENTS))
_OWN_STYLE: Final = """
pre {
  margin: 0.3rem 0 0; padding: 0.8rem 1rem; background: var(--code); border-radius: 8px;
  overflow-x: auto; font: 0.82rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
}
"""


def render(document: Document) -> str:
    """The whole page. It fetches nothing."""
    info = document["info"]
    index = "".join(
        f"<h2>{escape(source.strip('/'))}</h2>{''.join(map(_link, _events_of(source)))}"
        for source in _SOURCES
    )
    sections = "".join(
        f"<section><h2>{escape(source.strip('/').capitalize())}</h2>"
        f"{''.join(map(_event, _events_of(source)))}</section>"
        for source in _SOURCES
    )
    objects = "".join(
        described(name, schema) for name, schema in document["components"]["schemas"].items()
    )
    return (
        '<!doctype html>\n<!-- Made by `make docs`. -->\n<html lang="en"><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(info["title"])}</title>'
        f"<style>{STYLE}{_OWN_STYLE}</style></head>\n<body><div class=layout>"
        f"<nav><strong>{escape(info['title'])}</strong>{index}"
        '<h2>Within the suite</h2><a href="#commands">Commands</a>'
        '<h2>Objects</h2><a href="#objects">All of them</a></nav>\n'
        f"<main><h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
        f"<div class=lead>{prose(info['description'])}"
        '<p>For programs: <a href="asyncapi.yaml">asyncapi.yaml</a>, in one document; each '
        "message below has its own JSON Schema.</p></div>\n"
        f"<section id=envelope><h2>Envelope</h2>{_envelope()}</section>\n"
        f"{sections}<section id=commands><h2>Commands</h2>{''.join(map(_command, COMMANDS))}"
        f"</section>\n<section id=objects><h2>Objects</h2>{objects}</section>"
        "</main></div></body></html>\n"
    )


def _events_of(source: str) -> list[EventType]:
    return [event for event in EVENTS if event.source == source]


def _link(event: EventType) -> str:
    return f'<a href="#{event.routing_key}"><code>{event.routing_key}</code></a>'


def _envelope() -> str:
    """Of any event that has all the fields; what differs from one to the next is told there."""
    schema = event_schema(next(event for event in EVENTS if event.lasting))
    told: dict[str, Schema] = {
        name: inner | ({"description": _OF_THE_TYPE[name]} if name in _OF_THE_TYPE else {})
        for name, inner in schema["properties"].items()
    }
    rows = (
        row(name, _general(name, inner), name in schema["required"], inner.get("description"))
        for name, inner in told.items()
    )
    return (
        "<p>What all events have; those of best effort have no <code>subjectversion</code>. "
        "The AMQP properties <code>message_id</code> and "
        "<code>type</code> repeat two of these fields; <code>content_type</code> is "
        "<code>application/cloudevents+json</code>.</p>"
        f"<table>{''.join(rows)}</table>"
    )


_OF_THE_TYPE: Final = {
    "source": "Who publishes it, as `/ticketing`.",
    "type": "As `cinema.ticket.paid.v1`. The routing key is the same without `cinema.`",
    "subject": "What it is about, as `ticket/42`.",
    "data": "By type, below.",
}


def _general(name: str, schema: Schema) -> Schema:
    if name in _OF_THE_TYPE:
        return {"type": "object" if name == "data" else "string"}
    return schema


# The anchor is inside: a browser opens the fold for what it is led to.
def _event(event: EventType) -> str:
    golden = example(event)
    shown = (
        f"<h3>One of them</h3><pre>{escape(json.dumps(golden['body'], indent=2))}</pre>"
        if golden
        else ""
    )
    chip = "" if event.lasting else "<span class=who>best effort</span>"
    return (
        f"<details><summary><code>{event.routing_key}</code>{chip}"
        f"<span class=what>{escape(event.when)}</span></summary>"
        f'<div class=body id="{event.routing_key}"><h3>Message</h3><table>'
        f"<tr><td>type</td><td><code>{event.type}</code></td></tr>"
        f"<tr><td>subject</td><td><code>{event.subject}/{{id}}</code></td></tr>"
        f"<tr><td>data</td><td>{_object_link(event.data)}</td></tr>"
        f"<tr><td>schema</td><td>{_schema_link(event.type)}</td></tr>"
        f"</table>{shown}</div></details>"
    )


def _command(command: CommandType) -> str:
    rows = "".join(
        f"<tr><td>{name.rpartition('.')[2]}</td><td>{_object_link(model)}</td>"
        f"<td>{_schema_link(name)}</td></tr>"
        for name, model in command_bodies(command).items()
    )
    return (
        f"<details><summary><code>{command.queue}</code>"
        f"<span class=what>{escape(command.when)}</span></summary><div class=body>"
        f"<p>{escape(command.asked_by.strip('/').capitalize())} asks, "
        f"{escape(command.answered_by.strip('/'))} answers to <code>reply_to</code> with the same "
        f"<code>correlation_id</code>.</p><table>{rows}</table></div></details>"
    )


def _object_link(model: type) -> str:
    return kind({"$ref": model.__name__})


def _schema_link(name: str) -> str:
    return f'<a href="schemas/{name}.json">{name}.json</a>'
