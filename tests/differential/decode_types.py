#!/usr/bin/env python3
"""Differential test of SCALE decoding over every type of a metadata: `sentinel-cli decode` against `bittensor_core`.

Needs nothing but `bittensor_core`; see README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from decoders import Peer, first_difference, guarded_peer, run_cli, same, shorten
from hostile import hostile_batches
from registry import Type, read_registry
from samples import make_samples


def compare(args: argparse.Namespace, types: dict[int, Type], metadata: bytes) -> dict[str, Any]:
    peer = Peer(metadata)
    samples, excluded = make_samples(types, args.seed, args.per_type, args.only)
    batch = [(type_id, data) for type_id, drawn in samples.items() for data in drawn]
    theirs = [peer.decode(*item) for item in batch]
    refused = [(item, answer[1]) for item, answer in zip(batch, theirs, strict=True) if answer[0] == "error"]
    report: dict[str, Any] = {
        "types": len(types),
        "types_excluded": {str(i): {"path": types[i].label, "reason": reason} for i, reason in excluded.items()},
        "types_compared": len(samples),
        "samples": len(batch),
        "refused_by_bittensor_core": [
            {"type_id": t, "path": types[t].label, "hex": "0x" + d.hex(), "error": e} for (t, d), e in refused
        ],
    }
    print(f"{len(types)} types, {len(samples)} with samples, {len(batch)} samples")
    print(f"excluded: {dict(Counter(excluded.values()))}")
    if refused:
        print(f"bittensor_core refuses {len(refused)} samples, the first: {report['refused_by_bittensor_core'][0]}")
    if not args.cli:
        report["ok"] = not refused
        return report

    command = cli_command(args)
    ours: list[tuple[str, Any]] = []
    problems: list[str] = []
    seconds = 0.0
    for start in range(0, len(batch), args.batch):
        run = run_cli(command, batch[start : start + args.batch], args.timeout, args.exits)
        ours += run.answers
        seconds += run.seconds
        problems += [f"batch at {start}: {p}" for p in run.problems]
    differing: dict[int, dict[str, Any]] = {}
    for (type_id, data), one, other in zip(batch, ours, theirs, strict=True):
        if other[0] == "error" or (one[0] == "value" and same(normal(one[1], args), normal(other[1], args))):
            continue
        entry = differing.setdefault(
            type_id,
            {
                "type_id": type_id,
                "path": types[type_id].label,
                "differing": 0,
                "samples": len(samples[type_id]),
                "examples": [],
            },
        )
        entry["differing"] += 1
        if len(entry["examples"]) < args.examples:
            where = first_difference(one[1], other[1]) if one[0] == "value" else f"ours {one[0]}: {one[1]}"
            entry["examples"].append({"hex": "0x" + data.hex(), "where": where, "ours": one[1], "theirs": other[1]})
    agreeing = len(samples) - len(differing)
    report |= {
        "types_agreeing": agreeing,
        "percent": round(100 * agreeing / max(len(samples), 1), 2),
        "seconds": round(seconds, 3),
        "problems": problems,
        "differing": sorted(differing.values(), key=lambda e: e["type_id"]),
        "ok": not differing and not problems and not refused,
    }
    for entry in report["differing"][: args.show]:
        print(f"  {entry['type_id']:>4} {entry['path']}: {entry['differing']} of {entry['samples']}")
        print(f"       {shorten(entry['examples'][0]['hex'], 120)}\n       {entry['examples'][0]['where']}")
    if len(report["differing"]) > args.show:
        print(f"  … and {len(report['differing']) - args.show} more")
    for problem in problems[:10]:
        print(f"  problem: {problem}")
    print(
        f"{agreeing} of {len(samples)} types agree on all samples: {report['percent']} % ({seconds:.1f} s in our CLI)"
    )
    return report


def normal(value: Any, args: argparse.Namespace) -> Any:
    if not args.ignore_call_hash:
        return value
    if isinstance(value, dict):
        return {k: normal(v, args) for k, v in value.items() if k != "call_hash"}
    return [normal(v, args) for v in value] if isinstance(value, list) else value


def cli_command(args: argparse.Namespace) -> list[str]:
    return [args.cli, "decode", "--metadata", args.metadata, *args.cli_arg]


def attack(args: argparse.Namespace, types: dict[int, Type], metadata: bytes) -> dict[str, Any]:
    command = cli_command(args)
    verdicts: Counter[str] = Counter()
    disagreements: Counter[str] = Counter()
    examples: dict[str, dict[str, Any]] = {}
    problems: list[dict[str, Any]] = []
    slowest, peak = 0.0, 0
    start = 0
    for batch in hostile_batches(types, args.seed, args.mutate, args.batch, args.only):
        run = run_cli(command, batch, args.timeout, args.exits)
        slowest, peak = max(slowest, run.seconds), max(peak, run.peak_rss)
        verdicts.update(kind for kind, _ in run.answers)
        if run.seconds > args.max_seconds:
            run.problems.append(f"{run.seconds:.1f} s for {len(batch)} inputs, more than {args.max_seconds:g}")
        if run.peak_rss > args.max_rss_mb << 20:
            run.problems.append(f"{run.peak_rss >> 20} MiB at the peak, more than {args.max_rss_mb}")
        if run.problems:
            kept = Path(tempfile.gettempdir()) / f"decode_types-seed{args.seed}-{start}.jsonl"
            kept.write_text("".join(json.dumps({"type_id": t, "hex": "0x" + d.hex()}) + "\n" for t, d in batch))
            problems.append({"batch": start, "inputs": str(kept), "problems": run.problems})
            print(f"  batch at {start} (kept in {kept}): {run.problems[0]}")
        if args.mutate_compare:
            theirs = guarded_peer(metadata, batch, args.timeout)
            for (type_id, data), one, other in zip(batch, run.answers, theirs, strict=True):
                kind = disagreement(one, other, args)
                disagreements[kind] += 1
                if kind in ("both refuse", "same value"):
                    continue
                refusal = next((str(text) for verdict, text in (one, other) if verdict == "error"), "")
                examples.setdefault(
                    f"{kind}: {refusal}"[:120],
                    {
                        "type_id": type_id,
                        "path": types[type_id].label if type_id in types else None,
                        "hex": "0x" + data.hex()[:4000],
                        "ours": shorten(one[1], 400),
                        "theirs": shorten(other[1], 400),
                    },
                )
        start += len(batch)
    answered = verdicts["value"] + verdicts["error"]
    report = {
        "inputs": start,
        "answered": answered,
        "verdicts": dict(verdicts),
        "slowest_batch_seconds": round(slowest, 3),
        "batch": args.batch,
        "peak_rss_bytes": peak,
        "problems": problems,
        "ok": not problems and answered == start,
    }
    if args.mutate_compare:
        report["against_bittensor_core"] = dict(disagreements)
        report["disagreements"] = [{"kind": kind} | example for kind, example in examples.items()]
        print(f"against bittensor_core: {dict(disagreements)}")
    print(
        f"{start} hostile inputs, {answered} answered ({dict(verdicts)}), {len(problems)} batches with problems; "
        f"slowest batch of {args.batch}: {slowest:.2f} s, peak {peak / (1 << 20):.1f} MiB"
    )
    return report


def disagreement(ours: tuple[str, Any], theirs: tuple[str, Any], args: argparse.Namespace) -> str:
    if theirs[0] == "lost":
        return "bittensor_core gave no answer"
    if ours[0] == "value" and theirs[0] == "value":
        return "same value" if same(normal(ours[1], args), normal(theirs[1], args)) else "other value"
    if ours[0] == "error" and theirs[0] == "error":
        return "both refuse"
    return "only ours accepts" if ours[0] == "value" else "only bittensor_core accepts"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metadata", required=True, help="SCALE-encoded runtime metadata, V14 or V15")
    parser.add_argument(
        "--cli", help="path of sentinel-cli; without it only the samples are checked, against bittensor_core"
    )
    parser.add_argument(
        "--cli-arg", action="append", default=[], help="passed on to `sentinel-cli decode` (repeatable)"
    )
    parser.add_argument("--per-type", type=int, default=20, help="samples per type, at least one per variant (20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=lambda s: {int(i) for i in s.split(",")}, help="type ids, comma-separated (all)")
    parser.add_argument("--mutate", type=int, default=0, metavar="N", help="feed N mutated inputs instead of comparing")
    parser.add_argument("--mutate-compare", action="store_true", help="with --mutate: also compare the verdicts")
    parser.add_argument("--batch", type=int, default=5000, help="inputs per process (5000)")
    parser.add_argument("--timeout", type=float, default=120, help="seconds until a batch is killed (120)")
    parser.add_argument("--max-seconds", type=float, default=60, help="a slower mutated batch is a failure (60)")
    parser.add_argument("--max-rss-mb", type=int, default=512, help="more memory in a mutated batch is a failure (512)")
    parser.add_argument(
        "--exits", type=lambda s: {int(i) for i in s.split(",")}, default={0, 3}, help="exit codes that are fine (0,3)"
    )
    parser.add_argument("--ignore-call-hash", action="store_true", help="compare calls without their hashes")
    parser.add_argument("--examples", type=int, default=3, help="differing samples kept per type (3)")
    parser.add_argument("--show", type=int, default=30, help="differing types printed (30)")
    parser.add_argument("--report", help="write everything as JSON to this file")
    args = parser.parse_args()
    if args.mutate and not args.cli:
        parser.error("--mutate needs --cli")

    sys.setrecursionlimit(20_000)
    sys.set_int_max_str_digits(0)
    metadata = Path(args.metadata).read_bytes()
    version, types = read_registry(metadata)
    print(f"{Path(args.metadata).name}: V{version}, seed {args.seed}")
    report = attack(args, types, metadata) if args.mutate else compare(args, types, metadata)
    report = {"metadata": Path(args.metadata).name, "metadata_version": version, "seed": args.seed} | report
    if args.report:
        Path(args.report).write_text(json.dumps(report, indent=1, ensure_ascii=True) + "\n")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
