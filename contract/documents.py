"""The files of docs/asyncapi/: as they are, and as they should be."""

import json
from pathlib import Path
from typing import Any, Final

import yaml

from contract import asyncapi, page, schemas

FOLDER: Final = Path(__file__).parents[1] / "docs" / "asyncapi"
_SCHEMAS: Final = FOLDER / "schemas"


class _Readable(yaml.SafeDumper):
    """Long texts as blocks, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: _Readable, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)


_Readable.add_representer(str, _text)


def published() -> dict[str, schemas.Schema]:
    """The schemas that others have been given."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(_SCHEMAS.glob("*.json"))}


def generated() -> dict[Path, str]:
    """What the code says they should be."""
    document = asyncapi.document()
    return {
        FOLDER / "asyncapi.yaml": "# Made by `make docs`.\n" + _as_yaml(document),
        FOLDER / "index.html": page.render(document),
        **{_SCHEMAS / f"{name}.json": _as_json(s) for name, s in schemas.current().items()},
    }


def _as_yaml(document: asyncapi.Document) -> str:
    text: str = yaml.dump(
        document, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def _as_json(schema: schemas.Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
