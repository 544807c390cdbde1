"""Each rule of what breaks a reader, in both directions."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from contract import compatibility, documents, schemas
from contract.__main__ import main

Schema = dict[str, Any]
Change = Callable[[Schema], None]

EVENT = "cinema.film.shown.v1"
COMMAND = "cinema.show_film.v1.request"
REPLY = "cinema.show_film.v1.reply"


def published() -> Schema:
    return {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "note": {"type": "string"},
            "ends_at": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "status": {"type": "string", "enum": ["shown", "cut"]},
            "price": {"type": "string", "pattern": "^[0-9]+$"},
            "hall": {"$ref": "#/$defs/Hall"},
            "usher": {"anyOf": [{"$ref": "#/$defs/Usher"}, {"type": "null"}]},
            "seats": {"type": "array", "items": {"$ref": "#/$defs/Seat"}},
        },
        "required": ["id", "ends_at", "status", "price", "hall", "seats"],
        "$defs": {
            "Hall": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
            },
            "Usher": {"type": "object", "properties": {"name": {"type": "string"}}},
            "Seat": {
                "type": "object",
                "properties": {"row": {"type": "integer"}},
                "required": ["row"],
            },
        },
    }


def removed(schema: Schema) -> None:
    del schema["properties"]["id"]
    schema["required"].remove("id")


def optional_removed(schema: Schema) -> None:
    del schema["properties"]["note"]


def added(schema: Schema) -> None:
    schema["properties"]["new"] = {"type": "integer"}


def added_as_required(schema: Schema) -> None:
    added(schema)
    schema["required"].append("new")


def made_optional(schema: Schema) -> None:
    schema["required"].remove("id")


def made_required(schema: Schema) -> None:
    schema["required"].append("note")


def retyped(schema: Schema) -> None:
    schema["properties"]["id"]["type"] = "string"


def retyped_in_an_object(schema: Schema) -> None:
    schema["$defs"]["Hall"]["properties"]["name"] = {"type": "integer"}


def retyped_in_a_list(schema: Schema) -> None:
    schema["$defs"]["Seat"]["properties"]["row"] = {"type": "string"}


def retyped_where_there_may_be_none(schema: Schema) -> None:
    schema["$defs"]["Usher"]["properties"]["name"] = {"type": "integer"}


def made_a_list(schema: Schema) -> None:
    schema["properties"]["note"] = {"type": "array", "items": {"type": "string"}}


def made_nullable(schema: Schema) -> None:
    schema["properties"]["id"] = {"anyOf": [{"type": "integer"}, {"type": "null"}]}


def never_null(schema: Schema) -> None:
    schema["properties"]["ends_at"] = {"type": "string"}


def value_added(schema: Schema) -> None:
    schema["properties"]["status"]["enum"].append("lost")


def value_removed(schema: Schema) -> None:
    schema["properties"]["status"]["enum"].remove("cut")


def any_value(schema: Schema) -> None:
    del schema["properties"]["status"]["enum"]


def values_named(schema: Schema) -> None:
    schema["properties"]["note"]["const"] = "none"


def pattern_lifted(schema: Schema) -> None:
    del schema["properties"]["price"]["pattern"]


def pattern_set(schema: Schema) -> None:
    schema["properties"]["note"]["pattern"] = "^[a-z]+$"


def pattern_changed(schema: Schema) -> None:
    schema["properties"]["price"]["pattern"] = "^[0-9.]+$"


def explained(schema: Schema) -> None:
    schema |= {"title": "A film", "description": "What was shown.", "examples": [{}]}


def nothing(schema: Schema) -> None:
    pass


# The change; what it says when an event is changed so, and when a command is. None: it passes.
RULES: list[tuple[Change, str | None, str | None]] = [
    (removed, "id has been removed", "id has been removed"),
    (optional_removed, "note has been removed", "note has been removed"),
    (added, None, None),
    (added_as_required, None, "new is required, and older senders do not send it"),
    (made_optional, "id is required, and may be left out", None),
    (made_required, None, "note is required, and may be left out"),
    (retyped, "id was integer, and is string", "id was integer, and is string"),
    (retyped_in_an_object, "hall.name was string, and is integer", "hall.name was string"),
    (retyped_in_a_list, "seats[].row was integer, and is string", "seats[].row was integer"),
    (retyped_where_there_may_be_none, "usher.name was string, and is", "usher.name was string"),
    (made_a_list, "note was string, and is array", "note was string, and is array"),
    (made_nullable, "id may be null, which its reader does not take", None),
    (never_null, None, "ends_at may be null, which its reader does not take"),
    (value_added, "status may be 'lost', which its reader does not know", None),
    (value_removed, None, "status may be 'cut', which its reader does not know"),
    (any_value, "status may be anything, not only 'shown', 'cut'", None),
    (values_named, None, "note may be anything, not only 'none'"),
    (pattern_lifted, "price does not keep to its reader's pattern", None),
    (pattern_set, None, "note does not keep to its reader's pattern"),
    (pattern_changed, "price does not keep to its reader's pattern", "price does not keep"),
    (explained, None, None),
    (nothing, None, None),
]
DIRECTIONS = [
    (name, change, message)
    for change, of_event, of_command in RULES
    for name, message in ((EVENT, of_event), (REPLY, of_event), (COMMAND, of_command))
]


@pytest.mark.parametrize(
    ("name", "change", "message"), DIRECTIONS, ids=lambda part: getattr(part, "__name__", None)
)
def test_what_breaks_a_reader_and_what_does_not(
    name: str, change: Change, message: str | None
) -> None:
    ours = copy.deepcopy(published())
    change(ours)
    found = compatibility.breaks({name: published()}, {name: ours})
    if message is None:
        assert found == []
    else:
        (line,) = found
        assert line.startswith(f"{name}: {message}")
        successor = "cinema.film.shown.v2" if name == EVENT else "cinema.show_film.v2"
        assert f"publish {successor} beside it (docs/adding-an-event.md" in line


def test_a_message_may_not_go_but_come() -> None:
    (line,) = compatibility.breaks({EVENT: published()}, {})
    assert line.startswith(f"{EVENT}: is not published any more. Leave v1 as it is")
    assert compatibility.breaks({}, {EVENT: published()}) == []


PUBLISHED, OURS = documents.published(), schemas.current()


def test_what_the_code_publishes_breaks_nobody() -> None:
    assert compatibility.breaks(PUBLISHED, OURS) == []


def test_nothing_is_written_over_what_others_read_by(monkeypatch: pytest.MonkeyPatch) -> None:
    relied_on = PUBLISHED | {EVENT: published()}
    monkeypatch.setattr(documents, "published", lambda: relied_on)
    monkeypatch.setattr(documents, "generated", lambda: pytest.fail("written"))
    with pytest.raises(SystemExit, match=f"{EVENT}: is not published any more"):
        main()


@pytest.mark.parametrize("name", OURS)
def test_every_published_schema_is_looked_at(name: str) -> None:
    """A field that is gone from what the message says is noticed in each of them."""
    ours = copy.deepcopy(OURS)
    first = next(iter(ours[name]["$defs"].values()))
    gone = next(iter(first["properties"]))
    del first["properties"][gone]
    first["required"].remove(gone)
    (line,) = compatibility.breaks(PUBLISHED, ours)
    assert line.startswith(f"{name}: ")
    assert f"{gone} has been removed" in line
