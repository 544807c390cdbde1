"""What breaks those who rely on a published schema.

Whoever reads must be able to read whatever is written. The reader of an event, and of the answer
to a command, was made with the published schema, and the writer is ours; of a command it is the
other way round. So the same change may be harmless in one and a break in the other:

    change                              event, reply        command
    a field is removed                  breaks              breaks (what it asks is not heeded)
    a field is added                    passes              breaks if it is required
    required becomes optional           breaks              passes
    optional becomes required           passes              breaks
    another type                        breaks              breaks
    a further type, as null             breaks              passes
    a type less                         passes              breaks
    a value is added to an enum         breaks              passes
    a value is removed from an enum     passes              breaks
    a bound, pattern or format is set   passes              breaks
    … or lifted                         breaks              passes
    the message itself is gone          breaks              breaks

Titles, descriptions and examples may change at will.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

_TEXT: Final = {"$schema", "$defs", "title", "description", "examples", "default"}
_STRUCTURE: Final = {"type", "enum", "const", "anyOf", "properties", "required", "items"}


def breaks(published: Mapping[str, Schema], ours: Mapping[str, Schema]) -> list[str]:
    """One line for each break, with what to do about it."""
    found: list[str] = []
    for name, schema in published.items():
        if name not in ours:
            found.append(f"{name}: is not published any more. {_advice(name)}")
            continue
        asked = name.endswith(".request")
        new, old = _Document(ours[name]), _Document(schema)
        comparison = _Comparison(new if not asked else old, old if not asked else new, old)
        found += [f"{name}: {what}. {_advice(name)}" for what in comparison.run()]
    return found


def _advice(name: str) -> str:
    stem, _, version = name.removesuffix(".request").removesuffix(".reply").rpartition(".v")
    return (
        f"Leave v{version} as it is and publish {stem}.v{int(version) + 1} beside it"
        " (docs/adding-an-event.md, Changing a schema)."
    )


class _Document:
    def __init__(self, root: Schema) -> None:
        self.root = root

    def resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            # What stands beside the reference is text.
            schema = self.root["$defs"][name]
        return schema


@dataclass(frozen=True)
class _Comparison:
    writer: _Document
    reader: _Document
    old: _Document

    def run(self) -> Iterator[str]:
        return self._compare(self.writer.root, self.reader.root, "")

    def _compare(self, written: Schema, read: Schema, path: str) -> Iterator[str]:
        written, read = self.writer.resolve(written), self.reader.resolve(read)
        if "anyOf" in written or "anyOf" in read:
            yield from self._alternatives(written, read, path)
            return
        if not _fits(written, read):
            was, now = (written, read) if self.old is self.writer else (read, written)
            yield f"{_field(path)} was {_kind(was)}, and is {_kind(now)}"
            return
        yield from self._values(written, read, path)
        for keyword in sorted(read.keys() - _STRUCTURE - _TEXT):
            if written.get(keyword) != read[keyword]:
                yield f"{_field(path)} does not keep to its reader's {keyword} {read[keyword]!r}"
        yield from self._fields(written, read, path)
        if "items" in written and "items" in read:
            yield from self._compare(written["items"], read["items"], f"{path}[]")

    def _alternatives(self, written: Schema, read: Schema, path: str) -> Iterator[str]:
        """Each that may be written needs one that takes it. Told is what the nearest one lacks."""
        candidates = [self.reader.resolve(schema) for schema in read.get("anyOf", [read])]
        for one in map(self.writer.resolve, written.get("anyOf", [written])):
            complaints = [list(self._compare(one, other, path)) for other in candidates]
            if all(complaints):
                akin = [
                    c for c, other in zip(complaints, candidates, strict=True) if _fits(one, other)
                ]
                may_be = f"{_field(path)} may be {_kind(one)}, which its reader does not take"
                yield from akin[0] if akin else [may_be]

    def _values(self, written: Schema, read: Schema, path: str) -> Iterator[str]:
        known, sent = _allowed(read), _allowed(written)
        if known is None:
            return
        if sent is None:
            yield f"{_field(path)} may be anything, not only {_listed(known)}"
        elif unknown := [value for value in sent if value not in known]:
            yield f"{_field(path)} may be {_listed(unknown)}, which its reader does not know"

    def _fields(self, written: Schema, read: Schema, path: str) -> Iterator[str]:
        had = written if self.old is self.writer else read
        has = read if self.old is self.writer else written
        for name, schema in had.get("properties", {}).items():
            below = f"{path}.{name}".lstrip(".")
            if name not in has.get("properties", {}):
                yield f"{below} has been removed"
            else:
                new = has["properties"][name]
                pair = (schema, new) if self.old is self.writer else (new, schema)
                yield from self._compare(*pair, below)
        for name in read.get("required", ()):
            if name in written.get("properties", {}) and name not in written.get("required", ()):
                yield f"{path}.{name}".lstrip(".") + " is required, and may be left out"
            elif self.old is self.writer and name not in written.get("properties", {}):
                yield (
                    f"{path}.{name}".lstrip(".") + " is required, and older senders do not send it"
                )


def _fits(written: Schema, read: Schema) -> bool:
    """By their types alone."""
    known = read.get("type")
    return known in (None, written.get("type")) or (written.get("type"), known) == (
        "integer",
        "number",
    )


def _allowed(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _kind(schema: Schema) -> str:
    return str(schema.get("type", "anything"))


def _listed(values: list[Any]) -> str:
    return ", ".join(map(repr, values))


def _field(path: str) -> str:
    return path or "the message"
