"""Seeded random bytes that are a valid encoding of a type."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

from registry import INT_BITS, Type, Variant


def compact(value: int) -> bytes:
    if value < 1 << 6:
        return bytes([value << 2])
    if value < 1 << 14:
        return struct.pack("<H", value << 2 | 1)
    if value < 1 << 30:
        return struct.pack("<I", value << 2 | 2)
    length = max(4, (value.bit_length() + 7) // 8)
    return bytes([(length - 4) << 2 | 3]) + value.to_bytes(length, "little")


TEXTS = (
    "", "a", "hello", "0x", "0xff00", "0xAB", "é", "日本語", "😀👩‍👩‍👧", "\ufeffbom", "\x00", "a\x00b\n\t\x1b[31m\x7f",
    '"quoted" \\ back/slash', "<script>&amp;</script>", "\u2028\u2029\u0085", "\u202eltr",
    "\ud7ff\ue000\uffff", "\U0010ffff",
    "null", "true", "12345678901234567890", "@everyone", "{\"a\": [1]}", "${HOME} `id` %s", "combining e\u0301", " ",
)  # fmt: skip
NOT_TEXT = (
    b"\xff", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xe2\x82",
    b"ok\xf0\x9f\x98",     b"\xf8\x88\x80\x80\x80", b"valid until \xfe here", b"\xe0\x80\xaf",
)  # fmt: skip


class Uninhabited(Exception):
    """The type has no value, so no bytes can be made for it."""


class Generator:
    """Makes seeded random bytes that are a valid encoding of a type.

    Every `make` returns the bytes with a key that sorts as the value does in Rust, for the maps and sets.
    """

    def __init__(self, types: dict[int, Type], rng: random.Random, max_depth: int = 9) -> None:
        self.types, self.rng, self.max_depth = types, rng, max_depth
        self.budget = 0
        self.unit_compacts = {i for i, t in types.items() if t.kind == "compact" and self._is_unit(t.inner)}
        self.height = self._heights()

    def _is_unit(self, type_id: int) -> bool:
        entry = self.types[type_id]
        if entry.kind == "composite":
            return all(self._is_unit(f.type_id) for f in entry.fields)
        return entry.kind == "tuple" and all(self._is_unit(i) for i in entry.items)

    def _heights(self) -> dict[int, float]:
        """The nesting of each type's flattest value; infinite where there is none, or none that both sides can read."""
        height: dict[int, float] = dict.fromkeys(self.types, math.inf)

        def tallest(ids: list[int]) -> float:
            return max((height[i] for i in ids), default=0)

        changed = True
        while changed:
            changed = False
            for type_id, entry in self.types.items():
                if entry.kind == "composite":
                    new = 1 + tallest([f.type_id for f in entry.fields])
                elif entry.kind == "variant":
                    new = 1 + min((self._variant_height(height, v) for v in entry.variants), default=math.inf)
                elif entry.kind == "tuple":
                    new = 1 + tallest(entry.items)
                elif entry.kind == "array":
                    new = 1 + (height[entry.inner] if entry.length else 0)
                elif entry.kind == "bits" or type_id in self.unit_compacts:
                    new = math.inf
                else:
                    new = 1
                if new < height[type_id]:
                    height[type_id], changed = new, True
        return height

    @staticmethod
    def _variant_height(height: dict[int, float], variant: Variant) -> float:
        return max((height[f.type_id] for f in variant.fields), default=0)

    def sample(self, type_id: int, steer: int | None = None) -> bytes:
        """One encoding; `steer` picks the variant of an enum, so that each of them has its turn."""
        self.budget = 400
        return self.make(type_id, self.max_depth, steer)[0]

    def make(self, type_id: int, depth: int, steer: int | None = None) -> tuple[bytes, Any]:
        entry = self.types[type_id]
        if self.height[type_id] == math.inf:
            raise Uninhabited
        self.budget -= 1
        if entry.path[:1] == ("sp_runtime",) and entry.path[-1] == "Era":
            return self.era()
        encoded: tuple[bytes, Any] = getattr(self, "make_" + entry.kind)(entry, depth, steer)
        return encoded

    def fields(self, ids: list[int], depth: int) -> tuple[bytes, Any]:
        parts = [self.make(i, depth - 1) for i in ids]
        return b"".join(p[0] for p in parts), tuple(p[1] for p in parts)

    def make_composite(self, entry: Type, depth: int, steer: int | None) -> tuple[bytes, Any]:
        if entry.path[-1:] in (("BTreeMap",), ("BTreeSet",)) and len(entry.fields) == 1:
            sequence = self.types[entry.fields[0].type_id]
            if sequence.kind == "sequence":
                return self.sorted_items(sequence.inner, depth - 2, entry.path[-1] == "BTreeMap")
        if len(entry.fields) == 1:  # an enum inside a newtype still shows all its variants
            return self.make(entry.fields[0].type_id, depth - 1, steer)
        return self.fields([f.type_id for f in entry.fields], depth)

    def make_variant(self, entry: Type, depth: int, steer: int | None) -> tuple[bytes, Any]:
        possible = [v for v in entry.variants if self._variant_height(self.height, v) < math.inf]
        if steer is not None:
            chosen, rest = possible[steer % len(possible)], steer // len(possible)
        elif depth <= self.height[entry.type_id] or self.budget <= 0:
            lowest = min(self._variant_height(self.height, v) for v in possible)
            chosen, rest = (
                self.rng.choice([v for v in possible if self._variant_height(self.height, v) == lowest]),
                None,
            )
        else:
            chosen, rest = self.rng.choice(possible), None
        if len(chosen.fields) == 1:  # steering goes on inwards: pallet, then call or event
            body, key = self.make(chosen.fields[0].type_id, depth - 1, rest)
        else:
            body, key = self.fields([f.type_id for f in chosen.fields], depth)
        return bytes([chosen.index]) + body, (chosen.index, key)

    def count(self, inner: int, depth: int) -> int:
        if depth <= self.height[inner] or self.height[inner] == math.inf or self.budget <= 0:
            return 0
        return self.rng.choice((0, 1, 1, 2, 2, 3, 5))

    def make_sequence(self, entry: Type, depth: int, steer: int | None) -> tuple[bytes, Any]:
        if self.types[entry.inner].primitive == "u8":
            data = self.blob()
            return compact(len(data)) + data, data
        count = self.count(entry.inner, depth)
        if (
            count
            and self.budget > 300
            and self.types[entry.inner].kind in ("primitive", "compact")
            and self.rng.random() < 0.05
        ):
            count = self.rng.choice((63, 64, 65, 130))
        body, key = self.fields([entry.inner] * count, depth)
        return compact(count) + body, key

    def make_array(self, entry: Type, depth: int, steer: int | None) -> tuple[bytes, Any]:
        if self.types[entry.inner].primitive == "u8":
            data = self.rng.randbytes(entry.length)
            if self.rng.random() < 0.25:
                data = bytes(97 + b % 26 for b in data)  # looks like text, must not become text
            elif self.rng.random() < 0.1:
                data = bytes(entry.length)
            return data, data
        return self.fields([entry.inner] * entry.length, depth)

    def make_tuple(self, entry: Type, depth: int, steer: int | None) -> tuple[bytes, Any]:
        return self.fields(entry.items, depth)

    def make_compact(self, entry: Type, depth: int, steer: int | None) -> tuple[bytes, Any]:
        value = self.integer(self.compact_bits(entry.inner), False)
        return compact(value), value

    def compact_bits(self, type_id: int) -> int:
        entry = self.types[type_id]
        if entry.kind == "primitive":
            return min(INT_BITS[entry.primitive], 128)
        inner = entry.inner if entry.kind == "compact" else (entry.items or [f.type_id for f in entry.fields])[0]
        return self.compact_bits(inner)

    def make_primitive(self, entry: Type, depth: int, steer: int | None) -> tuple[bytes, Any]:
        name, rng = entry.primitive, self.rng
        if name == "bool":
            value = rng.randrange(2)
            return bytes([value]), value
        if name == "char":
            value = rng.choice(
                (0, 9, 34, 65, 92, 0x7F, 0xE9, 0xD7FF, 0xE000, 0xFFFF, 0x1F600, 0x10FFFF, rng.randrange(0xD800))
            )
            return struct.pack("<I", value), value
        if name == "str":
            data = self.text()
            return compact(len(data)) + data, data
        bits, signed = INT_BITS[name], name[0] == "i"
        value = self.integer(bits, signed)
        return value.to_bytes(bits // 8, "little", signed=signed), value

    def integer(self, bits: int, signed: bool) -> int:
        """Any width class: the edges, those of the compact modes and of JSON's exact integers, and every bit length."""
        rng = self.rng
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        if rng.random() < 0.3:
            edges = [
                low,
                high,
                0,
                1,
                63,
                64,
                (1 << 14) - 1,
                1 << 14,
                (1 << 30) - 1,
                1 << 30,
                (1 << 53) - 1,
                (1 << 53) + 1,
            ]
            edges += [(1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -1, -(1 << 63), -(1 << 63) - 1]
            return rng.choice([e for e in edges if low <= e <= high])
        value = rng.getrandbits(rng.randint(1, bits))
        return value + low if signed and value > high else (-value if signed and rng.random() < 0.5 else value)

    def text(self) -> bytes:
        if self.rng.random() < 0.1:
            return "".join(self.rng.choices("abcdefé日😀\n ", k=self.rng.choice((60, 64, 70)))).encode()
        return "".join(self.rng.sample(TEXTS, self.rng.choice((1, 1, 2)))).encode()

    def blob(self) -> bytes:
        rng = self.rng
        if rng.random() < 0.5:
            return self.text()
        if rng.random() < 0.3:
            return rng.choice(NOT_TEXT)
        return rng.randbytes(rng.choice((1, 4, 20, 32, 33, 64, 100)))

    def era(self) -> tuple[bytes, Any]:
        if self.rng.random() < 0.3:
            return b"\0", 0
        exponent = self.rng.randint(2, 16)
        step = max((1 << exponent) >> 12, 1)
        phase = self.rng.randrange(1 << exponent) // step
        value = (exponent - 1) | phase << 4
        return struct.pack("<H", value), value

    def sorted_items(self, inner: int, depth: int, is_map: bool) -> tuple[bytes, Any]:
        unique = {}
        for _ in range(self.count(inner, depth)):
            body, key = self.make(inner, depth)
            unique[key[0] if is_map else key] = body
        keys = sorted(unique)
        return compact(len(keys)) + b"".join(unique[k] for k in keys), tuple(keys)


def steps_of(types: dict[int, Type], type_id: int, seen: frozenset[int] = frozenset()) -> int:
    """How many samples show every variant, through newtypes and enums of enums, once."""
    entry = types[type_id]
    if type_id in seen:
        return 1
    seen |= {type_id}
    if entry.kind == "composite" and len(entry.fields) == 1:
        return steps_of(types, entry.fields[0].type_id, seen)
    if entry.kind == "variant" and entry.variants:
        inner = [steps_of(types, v.fields[0].type_id, seen) for v in entry.variants if len(v.fields) == 1]
        return len(entry.variants) * max(inner, default=1)
    return 1


def make_samples(
    types: dict[int, Type], seed: int, per_type: int, only: set[int] | None
) -> tuple[dict[int, list[bytes]], dict[int, str]]:
    samples: dict[int, list[bytes]] = {}
    excluded: dict[int, str] = {}
    generator = Generator(types, random.Random(seed))
    for type_id, entry in types.items():
        if only and type_id not in only:
            continue
        # what is drawn for one type does not depend on the others
        generator.rng = random.Random(f"{seed}:{type_id}")
        if generator.height[type_id] == math.inf:
            reason = (
                "Compact<()>"
                if type_id in generator.unit_compacts
                else ("bit sequence" if entry.kind == "bits" else "no value")
            )
            excluded[type_id] = reason
            continue
        steps = min(steps_of(types, type_id), 4000)
        drawn = {
            generator.sample(type_id, i if i < steps and steps > 1 else None): None for i in range(max(per_type, steps))
        }
        samples[type_id] = list(drawn)
    return samples, excluded
