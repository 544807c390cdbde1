"""From the services' OpenAPI documents to one: what the table routes, and nothing else."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.routes import OWN, TABLE, Route

Document = dict[str, Any]

_SCHEMAS: Final = "#/components/schemas/"
_SCHEME: Final = "HTTPBearer"
_PARAMETER: Final = re.compile(r"\{[^}]*\}")

# What pydantic calls a bound that stands behind a validator of our own.
_BOUNDS: Final = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}

_DESCRIPTION: Final = """\
Films, halls and sessions; holding, booking and paying seats.

Each path answers with and without its trailing slash. Times are RFC 3339 and leave in UTC; money \
is a decimal string. A field or query parameter that is not listed here is refused (422). Lists \
come in pages: the next one is in the `Link` header. `POST hold/`, `book/` and `PATCH pay/` take \
an `Idempotency-Key`: sent again with the same body, the request is answered as the first time. \
Every refusal is `application/problem+json`, with a stable `code`.
"""

_PROBLEM: Final[Document] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. Some codes bring further fields, such as `seats` or `errors`.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:cinema:problem:not_found"]},
        "title": {"type": "string", "examples": ["Not Found"]},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "examples": [404]},
        "detail": {"type": "string", "examples": ["There is nothing here."]},
        "code": {"type": "string", "examples": ["not_found"]},
        "request_id": {"type": "string", "examples": ["9f1c2b7de0a14c0f8a55b1d4c3e2f607"]},
    },
    "additionalProperties": True,
}
_PROBLEM_CONTENT: Final[Document] = {
    "application/problem+json": {"schema": {"$ref": f"{_SCHEMAS}Problem"}}
}
_HEALTH: Final[Document] = {
    "type": "object",
    "title": "Health",
    "required": ["status"],
    "properties": {
        "status": {"type": "string", "examples": ["ready"]},
        "missing": {"type": "array", "items": {"type": "string"}},
    },
}


def merge(documents: Mapping[str, Document]) -> Document:
    """One document from those of the services, by the names of their upstreams."""
    schemas: dict[str, Any] = {"Problem": _PROBLEM, "Health": _HEALTH}
    renamed = {name: _adopt(schemas, name, document) for name, document in documents.items()}
    paths: dict[str, Any] = {}
    operation_ids: set[str] = set()
    for route in TABLE:
        for path, item in _items(route, renamed.get(route.upstream, {})):
            operations = {
                method.lower(): _operation(route, method, item[method.lower()], operation_ids)
                for method in route.needs_user
                if method.lower() in item
            }
            if operations:
                paths[path] = operations
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cinema tickets", "version": "1.0.0", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _reachable(paths, schemas),
            "securitySchemes": {
                _SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `access` token of `POST token/`.",
                }
            },
        },
    }


def _adopt(schemas: dict[str, Any], service: str, document: Document) -> Document:
    """Take over a service's schemas, under other names where another's are different."""
    own = {
        name: _tidy(schema, {})
        for name, schema in document.get("components", {}).get("schemas", {}).items()
    }
    names = {
        name: name if schemas.get(name, schema) == schema else f"{service.title()}{name}"
        for name, schema in own.items()
    }
    for name, schema in own.items():
        schemas[names[name]] = _tidy(schema, names)
    return {"paths": _tidy(document.get("paths", {}), names)}


def _tidy(node: Any, names: Mapping[str, str]) -> Any:
    """The same in JSON Schema's words, each reference to a schema under the schema's new name."""
    if isinstance(node, list):
        return [_tidy(entry, names) for entry in node]
    if not isinstance(node, dict):
        return node
    tidy: dict[str, Any] = {}
    key: str
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str):
            name = value.removeprefix(_SCHEMAS)
            tidy[key] = _SCHEMAS + names.get(name, name)
        elif isinstance(value, int):
            tidy[_BOUNDS.get(key, key)] = value
        else:
            tidy[key] = _tidy(value, names)
    return tidy


def _items(route: Route, document: Document) -> Iterator[tuple[str, Any]]:
    """What the document says of the route, under the path as the contract writes it."""
    if route.upstream == OWN:
        if route.pattern in ("livez", "readyz"):
            yield f"/{route.pattern}", {"get": _health(route.pattern)}
        return
    for path, item in document.get("paths", {}).items():
        plain = path.strip("/")
        if _PARAMETER.sub("{id}", plain) == route.pattern:
            yield (f"/{plain}" if "." in plain else f"/{plain}/"), item


def _health(name: str) -> Document:
    content = {"application/json": {"schema": {"$ref": f"{_SCHEMAS}Health"}}}
    responses = {"200": {"description": "All is well", "content": content}}
    if name == "readyz":
        responses["503"] = {"description": "Names what is missing", "content": content}
    return {"summary": name.title(), "tags": ["health"], "responses": responses}


def _operation(route: Route, method: str, described: Document, taken: set[str]) -> Document:
    operation_id = re.sub(r"\W+", "_", str(described.get("summary", ""))).strip("_").lower()
    if not operation_id or operation_id in taken:
        operation_id = re.sub(r"\W+", "_", f"{method.lower()}_{route.pattern}").strip("_")
    taken.add(operation_id)
    responses = {
        status: response
        if status < "400" or route.upstream == OWN
        else {**response, "content": _PROBLEM_CONTENT}
        for status, response in described.get("responses", {}).items()
    }
    responses["default"] = {"description": "Refused", "content": _PROBLEM_CONTENT}
    operation = {
        **described,
        "operationId": operation_id,
        "tags": described.get("tags") or [route.upstream],
        "responses": responses,
        "security": [{_SCHEME: []}] if route.needs_user[method] else [{}, {_SCHEME: []}],
    }
    if not route.checks_token:
        operation["security"] = []
    return operation


def _reachable(paths: Document, schemas: Mapping[str, Any]) -> Document:
    """The schemas that something refers to."""
    found: dict[str, Any] = {}
    pending: list[Any] = [paths]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix(_SCHEMAS)
            if name in schemas and name not in found:
                found[name] = schemas[name]
                pending.append(schemas[name])
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return dict(sorted(found.items()))
