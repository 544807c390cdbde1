"""The JSON Schema of each message body, whole: an event has its envelope, a command has none."""

from typing import Any, Final

from cinema_shared.events.envelope import Event, EventData, Notice
from cinema_shared.events.registry import COMMANDS, EVENTS, CommandType, EventType
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
LOCAL: Final = "#/$defs/{model}"
_ID: Final = {"integer": "[1-9][0-9]*", "string": "[A-Za-z0-9_-]+"}


class _Plain(GenerateJsonSchema):
    """A field's title would only repeat its name; its default is the writer's business."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def default_schema(self, schema: Any) -> Schema:
        return self.generate_inner(schema["schema"])


def current() -> dict[str, Schema]:
    """All of them, by the names of their files."""
    events = {event.type: _standalone(event_schema(event), event.data) for event in EVENTS}
    commands = {
        name: _standalone({"title": name, "$ref": _reference(model, LOCAL)}, model)
        for command in COMMANDS
        for name, model in command_bodies(command).items()
    }
    return events | commands


def command_bodies(command: CommandType) -> dict[str, type[EventData]]:
    """The question and the answer, by the names of their schemas."""
    return {f"{command.type}.request": command.request, f"{command.type}.reply": command.reply}


def event_schema(event: EventType, template: str = LOCAL) -> Schema:
    """What one message is; its data is defined elsewhere, where `template` says."""
    envelope = _model_schema(Event if event.lasting else Notice, template)
    properties: Schema = envelope["properties"]
    data = _model_schema(event.data, template)["properties"]
    own = _ID[data["id"]["type"]]
    properties["traceparent"].pop("anyOf")
    properties |= {
        "source": {"const": event.source},
        "type": {"const": event.type},
        "subject": {"type": "string", "pattern": f"^{event.subject}/{own}$"},
        # It is left out where there is none.
        "traceparent": properties["traceparent"] | {"type": "string"},
        "data": {"$ref": _reference(event.data, template)},
    }
    return {
        "title": event.type,
        "description": event.when,
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "traceparent"],
    }


def definitions(model: type[BaseModel], template: str = LOCAL) -> dict[str, Schema]:
    """The model and those within it, by their names."""
    schema = _model_schema(model, template)
    inner: dict[str, Schema] = schema.pop("$defs", {})
    return {model.__name__: schema} | inner


def _standalone(schema: Schema, model: type[BaseModel]) -> Schema:
    return {"$schema": DIALECT, **schema, "$defs": definitions(model)}


def _model_schema(model: type[BaseModel], template: str) -> Schema:
    """As it is written. A listener has to bear fields that come later: no object is closed."""
    return model.model_json_schema(
        mode="serialization", ref_template=template, schema_generator=_Plain
    )


def _reference(model: type[BaseModel], template: str) -> str:
    return template.format(model=model.__name__)
