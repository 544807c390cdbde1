"""The AsyncAPI document: where each message goes, what it is, and one that was really sent."""

import json
from pathlib import Path
from typing import Any, Final

from cinema_shared.events.envelope import CONTENT_TYPE
from cinema_shared.events.registry import COMMANDS, EVENTS, CommandType, EventType
from cinema_shared.messaging import topology

from contract.schemas import command_bodies, definitions, event_schema

Document = dict[str, Any]

GOLDEN: Final = Path(__file__).parents[1] / "tests" / "golden" / "events"
_SCHEMAS: Final = "#/components/schemas/{model}"
_BINDING: Final = {"bindingVersion": "0.3.0"}
_JSON: Final = "application/json"

_DESCRIPTION: Final = """\
What the cinema tells: accounts, the programme, tickets, and seats that are held. Each message is \
one CloudEvents 1.0 object in JSON, on the topic exchange `cinema.events`.

An event is published at least once if and only if its change was committed. It may come twice; \
its `id` is then the same. Events of one `subject` are published in the order of `subjectversion`; \
a repetition may bring an older one. Fields may be added: ignore those that you do not know. What \
breaks a reader comes as a new version beside the old one.

Bind a durable queue of your own, and you miss nothing while you are away. The past 7 days are in \
the stream `cinema.events.log`. `hold.*` is best effort: not persistent, not in the stream, no \
`subjectversion`.
"""


def document() -> Document:
    channels = [*map(_event_channel, EVENTS), *map(_command_channel, COMMANDS)]
    messages = [*map(_event_message, EVENTS), *(m for c in COMMANDS for m in _command_messages(c))]
    models = [e.data for e in EVENTS] + [m for c in COMMANDS for m in command_bodies(c).values()]
    schemas = {k: v for model in models for k, v in definitions(model, _SCHEMAS).items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Cinema events",
            "version": "1.0.0",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "rabbitmq": {
                "host": "{address}",
                "protocol": "amqp",
                "protocolVersion": "0-9-1",
                "description": "`RABBITMQ_URL` in `.env` of a running suite.",
                "variables": {"address": {"default": "127.0.0.1:5672"}},
            }
        },
        "channels": dict(channels),
        "operations": {
            **{e.routing_key: _event_operation(e) for e in EVENTS},
            **{_key(c): _command_operation(c) for c in COMMANDS},
        },
        "components": {"messages": dict(messages), "schemas": dict(sorted(schemas.items()))},
    }


def example(event: EventType) -> Document | None:
    """The message as it was seen on the wire, but for its ids and times."""
    path = GOLDEN / f"{event.type}.json"
    golden: Document | None = json.loads(path.read_text()) if path.exists() else None
    return golden


def _event_channel(event: EventType) -> tuple[str, Document]:
    return event.routing_key, {
        "address": event.routing_key,
        "messages": {event.type: {"$ref": f"#/components/messages/{event.type}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {
                    "name": topology.EVENTS,
                    "type": "topic",
                    "durable": True,
                    "autoDelete": False,
                },
                **_BINDING,
            }
        },
    }


def _event_operation(event: EventType) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{event.routing_key}"},
        "summary": event.when,
        "tags": [{"name": event.source.strip("/")}],
        "messages": [{"$ref": f"#/channels/{event.routing_key}/messages/{event.type}"}],
        "bindings": {"amqp": {"deliveryMode": 2 if event.lasting else 1, **_BINDING}},
    }


def _event_message(event: EventType) -> tuple[str, Document]:
    golden = example(event)
    examples = {"examples": [{"payload": golden["body"]}]} if golden else {}
    return event.type, {
        "name": event.type,
        "title": event.name,
        "summary": event.when,
        "contentType": CONTENT_TYPE,
        "payload": event_schema(event, _SCHEMAS),
        "bindings": {"amqp": {"messageType": event.type, **_BINDING}},
        **examples,
    }


def _key(command: CommandType) -> str:
    return f"{command.name}.v{command.version}"


def _command_channel(command: CommandType) -> tuple[str, Document]:
    name = f"{command.type}.request"
    return command.queue, {
        "address": command.queue,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {
                    "name": command.queue,
                    "durable": True,
                    "exclusive": False,
                    "autoDelete": False,
                },
                **_BINDING,
            }
        },
    }


def _command_operation(command: CommandType) -> Document:
    """Inside the suite, from one service to another; named so that nobody breaks it unawares."""
    channel = f"#/channels/{command.queue}"
    return {
        "action": "receive",
        "channel": {"$ref": channel},
        "summary": command.when,
        "tags": [{"name": command.answered_by.strip("/")}],
        "messages": [{"$ref": f"{channel}/messages/{command.type}.request"}],
        "reply": {"address": {"location": "$message.header#/reply_to"}},
    }


def _command_messages(command: CommandType) -> list[tuple[str, Document]]:
    return [
        (
            name,
            {
                "name": name,
                "summary": command.when,
                "contentType": _JSON,
                "correlationId": {"location": "$message.header#/correlation_id"},
                "payload": {"$ref": _SCHEMAS.format(model=model.__name__)},
            },
        )
        for name, model in command_bodies(command).items()
    ]
