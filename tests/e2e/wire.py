"""A message as it is on the wire, and the same without what differs from one time to the next."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
from aio_pika.abc import AbstractIncomingMessage
from cinema_shared.events.registry import EVENTS

from contract import documents

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
_IDS = {"id", "user", "session"}
_PASSING = {
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "<uuid>",
    r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]": "<traceparent>",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z": "<time>",
    r"(user|hall|movie|session|ticket)/\d+": r"\1/<id>",
    r"hold/[\w-]+": "hold/<id>",
}
_RULES = {
    name: jsonschema_rs.validator_for(schema, validate_formats=True)
    for name, schema in documents.published().items()
}
_TYPES = {event.type: event for event in EVENTS}


def on_the_wire(message: AbstractIncomingMessage) -> dict[str, Any]:
    """All that a listener gets."""
    properties = {name: value for name, value in message.properties if value not in (None, "")}
    # As AMQP calls it.
    properties["type"] = properties.pop("message_type")
    return {
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "headers": properties.pop("headers", {}),
        "properties": properties,
        "body": json.loads(message.body),
    }


def check(seen: dict[str, Any]) -> None:
    """What holds for every message, whatever it is about."""
    body, properties = seen["body"], seen["properties"]
    event = _TYPES[body["type"]]
    _RULES[event.type].validate(body)
    assert seen["routing_key"] == event.routing_key
    assert properties["message_id"] == body["id"]
    assert properties["type"] == body["type"]
    assert properties["delivery_mode"] == (2 if event.lasting else 1)
    assert body["subject"] == f"{event.subject}/{body['data']['id']}"


def golden(name: str) -> dict[str, Any]:
    """What was agreed; nothing, where nothing was."""
    path = GOLDEN / f"{name}.json"
    message: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return message


def lasting(node: Any, key: str = "") -> Any:
    """The same, with a word for each id and time."""
    if isinstance(node, dict):
        return {name: lasting(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [lasting(value, key) for value in node]
    if isinstance(node, int) and key in _IDS:
        return "<id>"
    if isinstance(node, str):
        for pattern, word in _PASSING.items():
            if match := re.fullmatch(pattern, node):
                return match.expand(word)
        # A hold's has no form that one may rely on.
        return "<id>" if key == "id" else node
    return node
