"""The document as a page: plain HTML, its style within, and nothing fetched from anywhere."""

import json
import re
from collections import defaultdict
from html import escape
from pathlib import Path
from typing import Any, Final

STYLE: Final = (Path(__file__).parent / "page.css").read_text()

_CODE: Final = re.compile(r"`([^`]+)`")
_AS_CODE: Final = r"<code>\1</code>"
# The ends of the integers say nothing to a person.
_TELLING: Final = 2**31 - 1
_BOUNDS: Final = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} letters",
    "maxLength": "at most {} letters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
}


def render(document: dict[str, Any]) -> str:
    """The whole page."""
    tags: dict[str, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            tags[operation["tags"][0]].append((path, method, operation))
    info = document["info"]
    schemas = document["components"]["schemas"]
    index = "".join(
        f"<h2>{escape(tag)}</h2>{''.join(_link(*entry) for entry in entries)}"
        for tag, entries in tags.items()
    )
    sections = "".join(
        f"<section><h2>{escape(tag.capitalize())}</h2>"
        f"{''.join(_operation(*entry) for entry in entries)}</section>"
        for tag, entries in tags.items()
    )
    objects = "".join(described(name, schema) for name, schema in schemas.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(info["title"])}</title>'
        f"<style>{STYLE}</style></head><body><div class=layout>"
        f"<nav><strong>{escape(info['title'])}</strong>{index}"
        f'<h2>Objects</h2><a href="#objects">All of them</a></nav>'
        f"<main><h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
        f"<div class=lead>{prose(info['description'])}"
        '<p>For programs: <a href="/openapi.json">openapi.json</a></p></div>'
        f"{sections}<section id=objects><h2>Objects</h2>{objects}</section>"
        "</main></div></body></html>"
    )


def prose(text: str) -> str:
    paragraphs = (part for part in escape(text).split("\n\n") if part.strip())
    return "".join(f"<p>{_CODE.sub(_AS_CODE, part)}</p>" for part in paragraphs)


def _link(path: str, method: str, operation: dict[str, Any]) -> str:
    return (
        f'<a href="#{escape(operation["operationId"])}"><span class="method {method}">'
        f"{method.upper()}</span><code>{escape(path)}</code></a>"
    )


# The anchor is inside: a browser opens the fold for what it is led to.
def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    security = operation["security"]
    who = "" if not security or {} in security else "<span class=who>logged in</span>"
    body = prose(operation.get("description", ""))
    if parameters := operation.get("parameters"):
        rows = "".join(
            row(p["name"], p.get("schema", {}), p.get("required", False), p.get("description"))
            for p in parameters
        )
        body += f"<h3>Parameters</h3><table>{rows}</table>"
    if content := operation.get("requestBody", {}).get("content"):
        body += f"<h3>Body</h3><p>{kind(_schema(content))}</p>"
    rows = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{kind(_schema(response.get('content')))}"
        f"</td><td>{escape(response.get('description', ''))}</td></tr>"
        for status, response in operation["responses"].items()
    )
    return (
        f"<details><summary>"
        f'<span class="method {method}">{method.upper()}</span><code>{escape(path)}</code>{who}'
        f"<span class=what>{escape(operation.get('summary', ''))}</span></summary>"
        f'<div class=body id="{escape(operation["operationId"])}">'
        f"{body}<h3>Answers</h3><table>{rows}</table></div></details>"
    )


def described(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        row(field, inner, field in required, inner.get("description"))
        for field, inner in schema.get("properties", {}).items()
    )
    body = prose(schema.get("description", ""))
    body += f"<table>{rows}</table>" if rows else f"<p>{kind(schema)}</p>"
    return (
        f"<details><summary><code>{escape(name)}</code></summary>"
        f'<div class=body id="{escape(name)}">{body}</div></details>'
    )


def row(name: str, schema: dict[str, Any], required: bool, description: str | None) -> str:
    mark = " <span class=needed>required</span>" if required else ""
    if not required and "anyOf" in schema:
        # That it may be left out says as much.
        schema = {**schema, "anyOf": [s for s in schema["anyOf"] if s.get("type") != "null"]}
    notes = [_CODE.sub(_AS_CODE, escape(description))] if description else []
    if schema.get("default") is not None:
        notes.append(f"default <code>{escape(json.dumps(schema['default']))}</code>")
    if examples := schema.get("examples"):
        notes.append(f"such as <code>{escape(str(examples[0]))}</code>")
    return (
        f"<tr><td><code>{escape(name)}</code>{mark}</td><td>{kind(schema)}</td>"
        f"<td>{'; '.join(notes)}</td></tr>"
    )


def _schema(content: dict[str, Any] | None) -> dict[str, Any]:
    for media in (content or {}).values():
        schema: dict[str, Any] = media.get("schema", {})
        return schema
    return {}


def kind(schema: dict[str, Any]) -> str:
    """What a value may be, in a few words; objects as links."""
    if reference := schema.get("$ref"):
        name = escape(str(reference).rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(map(kind, schema[word])))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    words = [str(schema.get("format") or schema.get("type") or "")]
    words += [
        text.format(schema[bound])
        for bound, text in _BOUNDS.items()
        if bound in schema and abs(schema[bound]) < _TELLING
    ]
    return escape(", ".join(word for word in words if word))
