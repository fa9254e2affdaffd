"""Hostile bytes: mutated encodings, length bombs, values nested as deep as their bytes allow."""

from __future__ import annotations

import random
from collections.abc import Iterator

from registry import Type
from samples import compact, make_samples, steps_of

LONGEST = 1 << 16
BOMBS = [
    compact(n)
    for n in (1 << 14, 1 << 20, (1 << 30) - 1, 1 << 30, (1 << 32) - 1, 1 << 40, (1 << 64) - 1, (1 << 128) - 1)
]
BOMBS += [b"\xff\xff\xff\xff" * 4, b"\x03\x00\x00\x00\x00", b"\xff" + b"\xff" * 67, b"\xfe\xff\xff\xff"]


def mutate(data: bytes, donor: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(9)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(out):
            out[at] = rng.choice((0, 1, 2, 3, 0x7F, 0x80, 0xFC, 0xFE, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : at + rng.choice((1, 1, 2, 8, 32))]
        elif kind == 4:
            out += rng.randbytes(rng.choice((1, 2, 16, 300)))
        elif kind == 5:  # a huge length wherever a length may be, in place of what stood there or before it
            bomb = rng.choice(BOMBS)
            out[at : at + rng.choice((0, 1, 2, 4))] = bomb
        elif kind == 6:
            out[at:at] = out[at : at + rng.choice((1, 4, 32))] * rng.choice((1, 3, 50))
        elif kind == 7:
            cut = rng.randrange(len(donor) + 1)
            out[at:] = donor[cut:]
        else:
            out[at:at] = bytes([rng.choice((0, 1, 4, 255))]) * rng.choice((1, 64, 5000))
    return bytes(out[:LONGEST])


def hostile_batches(
    types: dict[int, Type], seed: int, count: int, size: int, only: set[int] | None
) -> Iterator[list[tuple[int, bytes]]]:
    """`count` inputs in batches, made when asked for: this process should stay smaller than the one it measures."""
    samples, _ = make_samples(types, seed, 4, only)
    pool = [(type_id, data) for type_id, drawn in samples.items() for data in drawn]
    # half of the inputs go to large enums, most of them recursive: that is where the harm is
    rich = [(t, d) for t, d in pool if types[t].kind == "variant" and steps_of(types, t) > 50] or pool
    wanted = sorted(only or types)
    loops = [(type_id, prefix) for type_id in wanted for prefix in loops_of(types, type_id)]
    for start in range(0, count, size):
        rng = random.Random(f"mutate:{seed}:{start}")
        yield [hostile_input(rng, pool, rich, wanted, loops) for _ in range(min(size, count - start))]


def hostile_input(
    rng: random.Random,
    pool: list[tuple[int, bytes]],
    rich: list[tuple[int, bytes]],
    wanted: list[int],
    loops: list[tuple[int, bytes]],
) -> tuple[int, bytes]:
    draw = rng.random()
    if draw < 0.03 and loops:  # as deep as the bytes allow
        type_id, prefix = rng.choice(loops)
        deep = (prefix * rng.choice((10, 64, 128, 300, 2000, 20_000)))[:LONGEST]
        return type_id, deep + rng.randbytes(rng.choice((0, 4)))
    type_id, data = rng.choice(pool if rng.random() < 0.5 else rich)
    mutated = mutate(data, rng.choice(pool)[1], rng)
    if draw < 0.05:  # bytes of another type
        return rng.choice(wanted), mutated
    if draw < 0.055:  # no such type
        return rng.choice((wanted[-1] + 100_000, 1 << 31, (1 << 32) - 1)), mutated
    return type_id, mutated


def loops_of(types: dict[int, Type], root: int) -> list[bytes]:
    """Bytes that lead from an enum into itself with nothing but enum tags, newtypes and one-item vectors between."""
    found: list[bytes] = []

    def walk(type_id: int, prefix: bytes, seen: frozenset[int]) -> None:
        if type_id == root and prefix:
            found.append(prefix)
            return
        if type_id in seen or len(prefix) > 6:
            return
        entry, seen = types[type_id], seen | {type_id}
        if entry.kind == "variant":
            for variant in entry.variants:
                if variant.fields:
                    walk(variant.fields[0].type_id, prefix + bytes([variant.index]), seen)
        elif entry.kind == "composite" and entry.fields:
            walk(entry.fields[0].type_id, prefix, seen)
        elif entry.kind == "tuple" and entry.items:
            walk(entry.items[0], prefix, seen)
        elif entry.kind == "sequence":
            walk(entry.inner, prefix + b"\x04", seen)

    walk(root, b"", frozenset())
    return found[:20]
