"""The portable type registry at the head of V14, V15 and V16 runtime metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PRIMITIVES = (
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "u256", "i8", "i16", "i32", "i64", "i128", "i256",
)  # fmt: skip
INT_BITS = {name: int(name[1:]) for name in PRIMITIVES if name[0] in "ui"}


@dataclass
class Field:
    name: str | None
    type_id: int
    type_name: str | None


@dataclass
class Variant:
    name: str
    index: int
    fields: list[Field]


@dataclass
class Type:
    """One entry of the registry; which of the attributes is meaningful depends on `kind`."""

    type_id: int
    path: tuple[str, ...]
    kind: str
    fields: list[Field] = field(default_factory=list)  # composite
    variants: list[Variant] = field(default_factory=list)  # variant
    inner: int = 0  # sequence, array, compact
    length: int = 0  # array
    items: list[int] = field(default_factory=list)  # tuple
    primitive: str = ""  # primitive

    @property
    def label(self) -> str:
        return "::".join(self.path) or self.kind


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise ValueError(f"metadata ends at {len(self.data)}, {count} bytes wanted at {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def compact(self) -> int:
        first = self.u8()
        mode = first & 3
        if mode == 3:
            return int.from_bytes(self.take((first >> 2) + 4), "little")
        rest = self.take((0, 1, 3)[mode])
        return int.from_bytes(bytes([first]) + rest, "little") >> 2

    def text(self) -> str:
        return self.take(self.compact()).decode()

    def many(self, read: Any) -> list[Any]:
        return [read() for _ in range(self.compact())]

    def maybe(self, read: Any) -> Any:
        return read() if self.u8() else None


def read_registry(metadata: bytes) -> tuple[int, dict[int, Type]]:
    """The metadata version and the types by id. V14, V15 and V16 all begin with the same registry."""
    reader = Reader(metadata)
    if reader.take(4) != b"meta":
        raise ValueError("not runtime metadata: the magic bytes are missing")
    version = reader.u8()
    if version not in (14, 15, 16):
        raise ValueError(f"metadata V{version} has no portable registry")

    def read_field() -> Field:
        entry = Field(reader.maybe(reader.text), reader.compact(), reader.maybe(reader.text))
        reader.many(reader.text)
        return entry

    def read_variant() -> Variant:
        name, fields, index = reader.text(), reader.many(read_field), reader.u8()
        reader.many(reader.text)
        return Variant(name, index, fields)

    def read_type() -> Type:
        type_id = reader.compact()
        path = tuple(reader.many(reader.text))
        reader.many(lambda: (reader.text(), reader.maybe(reader.compact)))
        kind = ("composite", "variant", "sequence", "array", "tuple", "primitive", "compact", "bits")[reader.u8()]
        entry = Type(type_id, path, kind)
        if kind == "composite":
            entry.fields = reader.many(read_field)
        elif kind == "variant":
            entry.variants = reader.many(read_variant)
        elif kind in ("sequence", "compact"):
            entry.inner = reader.compact()
        elif kind == "array":
            entry.length, entry.inner = reader.u32(), reader.compact()
        elif kind == "tuple":
            entry.items = reader.many(reader.compact)
        elif kind == "primitive":
            entry.primitive = PRIMITIVES[reader.u8()]
        else:
            reader.compact(), reader.compact()
        reader.many(reader.text)
        return entry

    return version, {entry.type_id: entry for entry in reader.many(read_type)}
