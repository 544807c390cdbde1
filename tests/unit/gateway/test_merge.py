"""One document from three."""

from typing import Any

from gateway.docs.merge import merge
from gateway.docs.page import render


def document(paths: dict[str, Any], schemas: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas or {}}}


def shows(schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {
        "summary": f"Show {schema}",
        "responses": {"200": {"description": "", "content": content}},
    }


def test_a_path_is_written_as_in_the_contract() -> None:
    merged = merge(
        {
            "auth": document({"/.well-known/jwks.json": {"get": {"responses": {}}}}),
            "catalog": document({"/movie/{movie_id}": {"get": {"responses": {}}}}),
        }
    )

    assert "/movie/{movie_id}/" in merged["paths"]
    assert "/.well-known/jwks.json" in merged["paths"]


def test_only_what_is_routed_is_shown() -> None:
    paths: dict[str, Any] = {
        "/movie": {"get": {"responses": {}}, "delete": {"responses": {}}},
        "/internal/revocations": {"get": {"responses": {}}},
        "/ticket": {"get": {"responses": {}}},
    }

    merged = merge({"catalog": document(paths)})

    assert set(merged["paths"]) == {"/movie/", "/livez", "/readyz"}
    assert set(merged["paths"]["/movie/"]) == {"get"}


def test_schemas_of_one_name_are_told_apart() -> None:
    merged = merge(
        {
            "catalog": document(
                {"/movie": {"get": shows("View")}, "/hall": {"get": shows("Same")}},
                {"View": {"type": "object"}, "Same": {"type": "string"}},
            ),
            "ticketing": document(
                {"/ticket": {"get": shows("View")}, "/ticket_status": {"get": shows("Same")}},
                {"View": {"type": "array"}, "Same": {"type": "string"}},
            ),
        }
    )

    assert merged["components"]["schemas"]["View"] == {"type": "object"}
    assert merged["components"]["schemas"]["TicketingView"] == {"type": "array"}
    assert "TicketingSame" not in merged["components"]["schemas"]
    answer = merged["paths"]["/ticket/"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/TicketingView"
    }


def test_refusals_are_problems() -> None:
    invalid = {"422": {"description": "Validation Error", "content": {"application/json": {}}}}

    merged = merge({"catalog": document({"/movie": {"get": {"responses": invalid}}})})

    for status in ("422", "default"):
        content = merged["paths"]["/movie/"]["get"]["responses"][status]["content"]
        assert content == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }


def test_who_may_ask_is_the_table_s_to_say() -> None:
    endpoint: dict[str, Any] = {"responses": {}, "security": [{"Other": []}]}
    merged = merge(
        {
            "auth": document({"/token": {"post": endpoint}}),
            "catalog": document({"/movie": {"get": endpoint, "post": endpoint}}),
        }
    )

    assert merged["paths"]["/movie/"]["post"]["security"] == [{"HTTPBearer": []}]
    assert merged["paths"]["/movie/"]["get"]["security"] == [{}, {"HTTPBearer": []}]
    assert merged["paths"]["/token/"]["post"]["security"] == []


def test_bounds_are_in_the_words_of_json_schema() -> None:
    merged = merge(
        {
            "catalog": document(
                {"/movie": {"get": shows("View")}},
                {"View": {"type": "integer", "ge": 1, "lt": 9}},
            )
        }
    )

    assert merged["components"]["schemas"]["View"] == {
        "type": "integer",
        "minimum": 1,
        "exclusiveMaximum": 9,
    }


def test_the_page_escapes_what_it_shows() -> None:
    evil = {"summary": "<script>alert(1)</script>", "responses": {}}

    page = render(merge({"catalog": document({"/movie": {"get": evil}})}))

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_fetches_nothing() -> None:
    page = render(merge({}))

    assert "src=" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page
