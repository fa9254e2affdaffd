"""How fast whole blocks become Python objects and JSON, beside `bittensor_core`, the decoder inside Bittensor's SDK.

    python sentinel-py/benches/decode_blocks.py --metadata METADATA.scale --corpus BLOCKS.jsonl

A line of the corpus is a block: `{"extrinsics": ["0x…"], "events": "0x…"}`. Every round runs each contender once over all
blocks, one after the other in an order that changes from round to round, so that a busy machine slows all of them; the
medians are compared. Prints one JSON line for each comparison. Exits with 1 when a ratio is below its `--least`.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bittensor_core

import sentinel

Block = tuple[list[bytes], bytes]


class Peer:
    """`bittensor_core`, by the fastest way it has: one call for each extrinsic, one for all events of a block."""

    def __init__(self, metadata: bytes) -> None:
        version = sentinel.Runtime(metadata)
        self.runtime = bittensor_core.Runtime(metadata, version.spec_version, version.transaction_version)
        self.events = self.runtime.storage_entry("System", "Events").value_type

    def decode(self, block: Block) -> dict[str, Any]:
        extrinsics, events = block
        decode_extrinsic = self.runtime.decode_extrinsic
        return {
            "extrinsics": [decode_extrinsic(extrinsic) for extrinsic in extrinsics],
            "events": self.runtime.decode(self.events, events),
        }

    def names_and_signers(self, block: Block) -> Any:
        decoded = self.decode(block)
        calls = [(x["call"]["call_module"], x["call"]["call_function"]) for x in decoded["extrinsics"]]
        events = [(event["module_id"], event["event_id"]) for event in decoded["events"]]
        return calls, events, [x.get("address") for x in decoded["extrinsics"]]

    def json(self, block: Block) -> bytes:
        return json.dumps(self.decode(block), ensure_ascii=False, separators=(",", ":")).encode()


class Ours:
    def __init__(self, metadata: bytes) -> None:
        self.runtime = sentinel.Runtime(metadata)

    def decode(self, block: Block) -> Any:
        return self.runtime.index(*block).to_dict()

    def lean(self, block: Block) -> Any:
        return self.runtime.index(*block).to_dict(lean=True)

    def names_and_signers(self, block: Block) -> Any:
        index = self.runtime.index(*block)
        return index.calls(), index.event_names(), index.signers()

    def json(self, block: Block) -> bytes:
        return self.runtime.index(*block).to_json(extrinsic_hashes=True, call_hashes=True)

    def json_without_hashes(self, block: Block) -> bytes:
        return self.runtime.index(*block).to_json()


def read_corpus(path: Path) -> list[Block]:
    def raw(text: str) -> bytes:
        return bytes.fromhex(text.removeprefix("0x"))

    with path.open() as lines:
        blocks = (json.loads(line) for line in lines if line.strip())
        return [([raw(extrinsic) for extrinsic in block["extrinsics"]], raw(block["events"])) for block in blocks]


def seconds(work: Callable[[Block], Any], blocks: list[Block]) -> float:
    gc.collect()
    started = time.perf_counter()
    for block in blocks:
        work(block)
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metadata", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--least", default="", help="ratios to reach, such as dicts_lean=5,json=20")
    args = parser.parse_args()

    metadata, blocks = args.metadata.read_bytes(), read_corpus(args.corpus)
    ours, peer = Ours(metadata), Peer(metadata)
    if [ours.decode(block) for block in blocks] != [peer.decode(block) for block in blocks]:
        print("the two do not decode the same", file=sys.stderr)
        return 1
    if [ours.names_and_signers(block) for block in blocks] != [peer.names_and_signers(block) for block in blocks]:
        print("the two do not name the same", file=sys.stderr)
        return 1

    contenders: dict[str, Callable[[Block], Any]] = {
        "dicts_full": ours.decode,
        "dicts_lean": ours.lean,
        "names_signers": ours.names_and_signers,
        "json": ours.json,
        "json_without_hashes": ours.json_without_hashes,
        "bittensor_core": peer.decode,
        "bittensor_core_json_dumps": peer.json,
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    order, shuffle = list(contenders), random.Random(1)
    for _ in range(args.rounds):
        shuffle.shuffle(order)
        for name in order:
            times[name].append(seconds(contenders[name], blocks))

    microseconds = {name: statistics.median(all_rounds) / len(blocks) * 1e6 for name, all_rounds in times.items()}
    least = {name: float(ratio) for name, ratio in (pair.split("=") for pair in args.least.split(",") if pair)}
    reached = True
    for name, against in (
        ("dicts_full", "bittensor_core"),
        ("dicts_lean", "bittensor_core"),
        ("names_signers", "bittensor_core"),
        ("json", "bittensor_core_json_dumps"),
        ("json_without_hashes", "bittensor_core_json_dumps"),
    ):
        ratio = microseconds[against] / microseconds[name]
        reached &= ratio >= least.get(name, 0)
        line = {
            "what": f"{name}_vs_{against}",
            "speedup": round(ratio, 2),
            "ours_us_per_block": round(microseconds[name], 1),
            "theirs_us_per_block": round(microseconds[against], 1),
            "blocks": len(blocks),
            "rounds": args.rounds,
        }
        print(json.dumps(line))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
