"""Does every call, event and signer of whole blocks decode to what `bittensor_core` makes of it?

    python tests/differential/blocks.py METADATA.scale BLOCKS.jsonl [METADATA.scale BLOCKS.jsonl …]

A line of BLOCKS.jsonl is a block: `{"extrinsics": ["0x…"], "events": "0x…"}`. Compared are whole dictionaries, with types:
integers as integers, tuples as tuples, the order of keys included. Prints one JSON line of counts for each pair of files and
the first differences on stderr; exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import bittensor_core

import sentinel

SHOWN = 10


def difference(ours: Any, theirs: Any, path: str = "$") -> str | None:
    """Where the two differ first; `None` where they do not."""
    if type(ours) is not type(theirs):
        return f"{path}: ours {ours!r:.120}, theirs {theirs!r:.120}"
    if isinstance(ours, dict):
        if list(ours) != list(theirs):
            return f"{path}: our keys {list(ours)}, their keys {list(theirs)}"
        return next((found for key in ours if (found := difference(ours[key], theirs[key], f"{path}.{key}"))), None)
    if isinstance(ours, (list, tuple)):
        if len(ours) != len(theirs):
            return f"{path}: {len(ours)} of ours, {len(theirs)} of theirs"
        pairs = enumerate(zip(ours, theirs, strict=True))
        return next((found for at, (a, b) in pairs if (found := difference(a, b, f"{path}[{at}]"))), None)
    return None if ours == theirs else f"{path}: ours {ours!r:.120}, theirs {theirs!r:.120}"


class Comparison:
    def __init__(self, metadata: bytes) -> None:
        self.ours = sentinel.Runtime(metadata)
        self.theirs = bittensor_core.Runtime(metadata, self.ours.spec_version, self.ours.transaction_version)
        self.events_type = self.theirs.storage_entry("System", "Events").value_type
        self.counts: Counter[str] = Counter()
        self.kinds: set[tuple[str, str]] = set()
        self.differences: list[str] = []

    def check(self, what: str, ours: Any, theirs: Any, where: str) -> None:
        self.counts[what] += 1
        found = difference(ours, theirs)
        if found:
            self.differences.append(f"{where}, {what} {found}")

    def block(self, number: int, extrinsics: list[str], events: str) -> None:
        self.counts["blocks"] += 1
        index = self.ours.index(extrinsics, events)
        ours = index.to_dict()
        calls, signers = index.calls(), index.signers()
        for at, raw in enumerate(extrinsics):
            where = f"block {number}, extrinsic {at}"
            theirs = self.theirs.decode_extrinsic(bytes.fromhex(raw[2:]))
            self.check("extrinsics", ours["extrinsics"][at], theirs, where)
            self.check("signers", signers[at], theirs.get("address"), where)
            self.check("calls", calls[at], (theirs["call"]["call_module"], theirs["call"]["call_function"]), where)
            call = index.extrinsics[at].args()
            arguments = {argument["name"]: argument["value"] for argument in theirs["call"]["call_args"]}
            self.check("arguments", call, arguments, where)
            self.kinds.add(calls[at])
        records = self.theirs.decode(self.events_type, bytes.fromhex(events[2:]))
        self.check("event counts", len(ours["events"]), len(records), f"block {number}")
        names = index.event_names()
        for at, theirs in enumerate(records):
            where = f"block {number}, event {at}"
            self.check("events", ours["events"][at], theirs, where)
            self.check("event names", names[at], (theirs["module_id"], theirs["event_id"]), where)
            self.check("event fields", index.events[at].fields(), theirs["attributes"], where)
            self.kinds.add(names[at])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    files = parser.parse_args().files
    if len(files) % 2:
        parser.error("metadata and blocks come in pairs")
    different = 0
    for metadata, blocks in zip(files[::2], files[1::2], strict=True):
        comparison = Comparison(metadata.read_bytes())
        with blocks.open() as lines:
            for number, line in enumerate(lines):
                if line.strip():
                    comparison.block(number, **json.loads(line))
        different += len(comparison.differences)
        counts = dict(sorted(comparison.counts.items()))
        runtime = comparison.ours
        summary = {
            "runtime": f"{runtime.spec_name} {runtime.spec_version}",
            "blocks": blocks.name,
            "compared": counts,
            "kinds of calls and events": len(comparison.kinds),
            "differences": len(comparison.differences),
        }
        print(json.dumps(summary))
        for found in comparison.differences[:SHOWN]:
            print(found, file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
