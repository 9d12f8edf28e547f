"""Reads a mapping the way Go's ``encoding/json`` fills a struct, and says where in the file it went wrong.

Names match in any case, unknown ones are ignored, nulls change nothing, scalars become text where text is wanted
(sigs.k8s.io/yaml). Several documents may be laid over one another: Helm decodes requirements.yaml *into* the metadata
of Chart.yaml, so that a list of the second is laid over the list of the first, entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from oci_chart_publish.errors import ChartError
from oci_chart_publish.yamldoc.reader import kind_of, line_of, load_document
from oci_chart_publish.yamldoc.scalars import go_text

T = TypeVar("T")


class Place(msgspec.Struct, frozen=True):
    """Where a value stands: the bytes and path of its file, and its dotted key ("" for the whole document)."""

    data: bytes
    path: str
    key: str = ""

    def at(self, name: str | int) -> Place:
        """Return the place of an entry of this mapping or list."""
        return Place(self.data, self.path, f"{self.key}.{name}" if self.key else str(name))

    def error(self, message: str, *, hint: str = "") -> ChartError:
        """Return an error about this place, with the line where it is known."""
        return ChartError(message, path=self.path, key=self.key, line=line_of(self.data, self.key), hint=hint)


Found = tuple[Any, Place]
"""A value and where it stands."""


class Reader:
    """One struct, read from layers of mappings, the last of which wins."""

    def __init__(self, layers: Sequence[Found]) -> None:
        self._layers: list[tuple[Mapping[str, Any], Place, dict[str, list[str]]]] = []
        for value, place in layers:
            if value is None:
                continue
            if not isinstance(value, dict):
                raise place.error(f"expected a mapping, got {kind_of(value)}")
            names: dict[str, list[str]] = {}
            for name in value:
                names.setdefault(name.casefold(), []).append(name)
            self._layers.append((value, place, names))
        self._last = layers[-1][1]

    @classmethod
    def of(cls, *documents: tuple[bytes, str]) -> Reader:
        """Decode the documents (bytes and path each) and read their mappings as layers."""
        return cls([(load_document(data, path=path), Place(data, path)) for data, path in documents])

    def place(self, key: str, *inner: str | int) -> Place:
        """Return where a field, or an entry in it, was written; where it should stand if it was not."""
        places = list(self._find(key))
        place = places[-1][1] if places else self._last.at(key)
        for name in inner:
            place = place.at(name)
        return place

    def text(self, key: str) -> str:
        """Return a text field, "" where it is missing or null."""
        value = ""
        for entry, place in self._find(key):
            if entry is not None:
                value = _text(entry, place)
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean field; text and numbers are refused, as Helm refuses them."""
        value = False
        for entry, place in self._find(key):
            if isinstance(entry, bool):
                value = entry
            elif entry is not None:
                hint = "leave the quotes out" if isinstance(entry, str) else ""
                raise place.error(f"expected true or false, got {kind_of(entry)}", hint=hint)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        values: list[str] = []
        for entries, place in self._lists(key, "a list of strings"):
            old = values
            values = [
                (old[index] if index < len(old) else "") if entry is None else _text(entry, place.at(index))
                for index, entry in enumerate(entries)
            ]
        return tuple(values)

    def items(self, key: str) -> tuple[Any, ...]:
        """Return a list of any JSON values."""
        values: list[Any] = []
        for entries, _ in self._lists(key, "a list"):
            values = entries
        return tuple(values)

    def text_map(self, key: str) -> dict[str, str]:
        """Return a mapping of texts."""
        values: dict[str, str] = {}
        for mapping, place in self._find(key):
            if mapping is None:
                values = {}
                continue
            if not isinstance(mapping, dict):
                raise place.error(f"expected a mapping of strings, got {kind_of(mapping)}")
            values |= {
                name: "" if entry is None else _text(entry, place.at(name)) for name, entry in mapping.items()
            }
        return values

    def structs(self, key: str, read: Callable[[Reader], T]) -> tuple[T | None, ...]:
        """Read a list of mappings; None stands for an entry that is null."""
        layers: list[list[Found]] = []
        for entries, place in self._lists(key, "a list of mappings"):
            old = layers
            for hidden in filter(None, old):
                read(Reader(hidden))  # wrong types count although another list follows
            layers = [
                [] if entry is None else [*(old[index] if index < len(old) else []), (entry, place.at(index))]
                for index, entry in enumerate(entries)
            ]
        return tuple(read(Reader(layer)) if layer else None for layer in layers)

    def _lists(self, key: str, expected: str) -> Iterator[tuple[list[Any], Place]]:
        for entries, place in self._find(key):
            if entries is not None and not isinstance(entries, list):
                raise place.error(
                    f"expected {expected}, got {kind_of(entries)}", hint=_as_list(entries, key, expected)
                )
            yield entries or [], place

    def _find(self, key: str) -> Iterator[Found]:
        folded = key.casefold()
        for values, place, names in self._layers:
            # Go decodes the keys of the JSON in sorted order.
            for name in sorted(names.get(folded, ())):
                yield values[name], place.at(name)


def _text(value: Any, place: Place) -> str:  # noqa: ANN401  (JSON values)
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise place.error(f"expected text, got {kind_of(value)}")
    return go_text(value)


def _as_list(value: object, key: str, expected: str) -> str:
    if expected == "a list of strings" and isinstance(value, str) and value.isprintable():
        return f"write it as {key}: [{', '.join(part.strip() for part in value.split(','))}]"
    return ""
