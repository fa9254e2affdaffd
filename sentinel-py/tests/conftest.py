"""The runtimes and blocks that the tests share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import pytest

import sentinel

HERE = Path(__file__).parent
METADATA = HERE.parents[1] / "tests" / "fixtures" / "metadata"


class RawBlock(TypedDict):
    """A block as a line of a fixture has it, in hex."""

    extrinsics: list[str]
    events: str


def read_blocks(name: str) -> list[RawBlock]:
    return [json.loads(line) for line in (HERE / "fixtures" / name).read_text().splitlines()]


@pytest.fixture(scope="session")
def metadata() -> bytes:
    return (HERE.parents[1] / "sentinel-core" / "assets" / "subtensor-461-v15.scale").read_bytes()


@pytest.fixture(scope="session")
def runtime(metadata: bytes) -> sentinel.Runtime:
    return sentinel.Runtime(metadata)


@pytest.fixture(scope="session")
def raw() -> RawBlock:
    """Timestamp.set; add_stake by Alice; transfer_keep_alive by Bob, which fails."""
    return read_blocks("461.jsonl")[0]


@pytest.fixture
def block(runtime: sentinel.Runtime, raw: RawBlock) -> sentinel.Block:
    return runtime.index(**raw)


@pytest.fixture(scope="session")
def recorded() -> Iterator[tuple[sentinel.Runtime, list[RawBlock]]]:
    """Blocks of a real runtime 218, recorded."""
    yield sentinel.Runtime.from_file(METADATA / "raonet-218-v14.scale"), read_blocks("recorded-218.jsonl")
