"""What is published of the events is what the code says, and is valid by AsyncAPI's own schema."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from cinema_shared.events.registry import COMMANDS, EVENTS
from cinema_shared.messaging import topology

from contract import asyncapi, documents

SPECIFICATION = "node_modules/@asyncapi/specs/schemas/3.0.0.json"
GOLDEN = sorted(asyncapi.GOLDEN.glob("*.json"))


def test_the_files_are_those_of_the_code() -> None:
    for path, text in documents.generated().items():
        assert path.read_text() == text, f"{path.name} is not up to date: make docs"
    schemas = {path for path in documents.generated() if path.parent.name == "schemas"}
    assert set((documents.FOLDER / "schemas").iterdir()) == schemas


def test_the_document_is_valid(node_example: Path) -> None:
    rules = jsonschema_rs.validator_for(json.loads((node_example / SPECIFICATION).read_text()))
    document = yaml.safe_load((documents.FOLDER / "asyncapi.yaml").read_text())
    rules.validate(document)
    del document["channels"]["ticket.paid.v1"]["bindings"]["amqp"]["exchange"]
    document["channels"]["ticket.paid.v1"]["bindings"]["amqp"]["is"] = "a topic"
    assert not rules.is_valid(document), "the rules do not look at all of it"


def test_every_reference_leads_somewhere() -> None:
    document = yaml.safe_load((documents.FOLDER / "asyncapi.yaml").read_text())
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))
    assert references
    for reference in references:
        node: Any = document
        for step in reference.split("/"):
            node = node[step]


def test_the_page_fetches_nothing_and_its_links_lead_somewhere() -> None:
    page = (documents.FOLDER / "index.html").read_text()
    assert not re.search(r"https?:|<script|<link rel=.?stylesheet|@import|url\(", page)
    anchors = set(re.findall(r'id="?([\w.]+)', page))
    links = re.findall(r'href="([^"]+)"', page)
    assert len(links) > 2 * len(EVENTS)
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors
        elif link != "data:,":
            assert (documents.FOLDER / link).exists()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_message_fits_its_schema(path: Path) -> None:
    schema = json.loads((documents.FOLDER / "schemas" / path.name).read_text())
    rules = jsonschema_rs.validator_for(schema, validate_formats=True)
    body = json.loads(path.read_text())["body"]
    rules.validate(body)
    for field in schema["required"]:
        assert not rules.is_valid({k: v for k, v in body.items() if k != field}), field


def test_each_event_has_a_golden_message() -> None:
    assert {path.stem for path in GOLDEN} == {event.type for event in EVENTS}


def test_what_lasts_is_recorded_and_nothing_else() -> None:
    recorded = {key.removesuffix(".#") for key in topology._RECORDED}
    assert recorded == {event.subject for event in EVENTS if event.lasting}
    assert not recorded & {event.subject for event in EVENTS if not event.lasting}


def test_no_name_is_given_twice() -> None:
    assert len({event.type for event in EVENTS}) == len(EVENTS)


def test_whatever_is_asked_over_a_queue_is_named() -> None:
    asked = {queue.name for queue in topology._QUEUES if not queue.bindings}
    assert {command.queue for command in COMMANDS} == asked
