"""The two decoders under comparison: `bittensor_core` and `sentinel-cli decode`."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def key_text(key: Any) -> str:
    """A map's key as JSON has it."""
    if isinstance(key, str):
        return key
    return json.dumps(as_json(key), ensure_ascii=False, separators=(",", ":"))


def as_json(value: Any) -> Any:
    """What is left of a Python value once it has been JSON: tuples are lists, keys are text."""
    if isinstance(value, dict):
        return {key_text(k): as_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(v) for v in value]
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    return value


def same(ours: Any, theirs: Any) -> bool:
    """Equality that keeps 1, 1.0 and true apart."""
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


def first_difference(ours: Any, theirs: Any, path: str = "$") -> str:
    if type(ours) is type(theirs) is dict:
        if ours.keys() != theirs.keys():
            only_ours, only_theirs = sorted(ours.keys() - theirs.keys()), sorted(theirs.keys() - ours.keys())
            return f"{path}: only ours {only_ours}, only theirs {only_theirs}"
        for key in ours:
            if not same(ours[key], theirs[key]):
                return first_difference(ours[key], theirs[key], f"{path}.{key}")
    if type(ours) is type(theirs) is list and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            if not same(one, other):
                return first_difference(one, other, f"{path}[{index}]")
    return f"{path}: ours {shorten(ours)}, theirs {shorten(theirs)}"


def shorten(value: Any, limit: int = 160) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Peer:
    """`bittensor_core`, by type id. Answers `("value", json)` or `("error", message)`."""

    def __init__(self, metadata: bytes) -> None:
        import bittensor_core

        self.runtime = bittensor_core.Runtime(metadata, 1, 1)

    def decode(self, type_id: int, data: bytes) -> tuple[str, Any]:
        try:
            return "value", as_json(self.runtime.decode(f"scale_info::{type_id}", data))
        except (ValueError, TypeError, KeyError) as error:
            return "error", str(error)


@dataclass
class Run:
    """One process of our CLI over one batch."""

    answers: list[tuple[str, Any]]
    problems: list[str]
    seconds: float
    peak_rss: int
    exit_code: int | None


class MemoryWatch(threading.Thread):
    """The peak memory of a child.

    The kernel's own number for a child starts at the size its parent had when it forked, so it is exact only above
    that; below it, what was seen in /proc while the child ran is the better answer.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.seen = pid, 0
        self.start()

    def run(self) -> None:
        while True:
            try:
                status = Path(f"/proc/{self.pid}/status").read_text()
            except OSError:
                return
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            if not found:  # a zombie has no memory any more, and other systems have no /proc
                return
            self.seen = max(self.seen, int(found[1]) << 10)
            time.sleep(0.005)

    def peak(self, reported: int) -> int:
        self.join()
        unit = 1 if sys.platform == "darwin" else 1024
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return reported * unit if reported > own or not self.seen else self.seen


def run_cli(command: list[str], batch: list[tuple[int, bytes]], timeout: float, exits: set[int]) -> Run:
    """Feeds the batch to a fresh process and checks what it promises: ordered answers, no panic, a known exit."""
    lines = "".join(json.dumps({"type_id": t, "hex": "0x" + d.hex()}) + "\n" for t, d in batch).encode()
    problems: list[str] = []
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(lines)
        stdin.seek(0)
        started = time.monotonic()
        child = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr)
        timed_out = threading.Event()

        def give_up() -> None:
            timed_out.set()
            child.kill()

        timer = threading.Timer(timeout, give_up)
        timer.start()
        watch = MemoryWatch(child.pid)
        # wait4 and not RUSAGE_CHILDREN: the peak of this very child, not of the largest so far
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        seconds = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        raw, complaints = stdout.read(), stderr.read().decode(errors="replace")
    if timed_out.is_set():
        problems.append(f"no end after {timeout:g} s")
    elif child.returncode < 0:
        problems.append(f"killed by signal {-child.returncode}: {complaints[-300:]!r}")
    elif child.returncode not in exits:
        problems.append(f"exit code {child.returncode}: {complaints[-300:]!r}")
    if "panicked" in complaints:
        problems.append(f"panic: {complaints[:500]!r}")
    answers, flaws = read_answers(raw, batch)
    problems += flaws
    return Run(answers, problems, seconds, watch.peak(usage.ru_maxrss), child.returncode)


def read_answers(raw: bytes, batch: list[tuple[int, bytes]]) -> tuple[list[tuple[str, Any]], list[str]]:
    problems: list[str] = []
    answers: list[tuple[str, Any]] = []
    lines = raw.split(b"\n")
    if lines.pop() != b"":
        problems.append("the last line of the output has no end")
    if len(lines) != len(batch):
        problems.append(f"{len(lines)} answers to {len(batch)} inputs")
        if len(lines) < len(batch):
            type_id, data = batch[len(lines)]
            problems.append(f"first input without an answer: type {type_id}, 0x{data.hex()[:400]}")
    for line, (type_id, data) in zip(lines, batch, strict=False):
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(f"not JSON ({error}) for type {type_id}, 0x{data.hex()[:200]}: {line[:200]!r}")
            answers.append(("broken", None))
            continue
        extra = set(answer) if isinstance(answer, dict) else set()
        if extra not in ({"type_id", "value"}, {"type_id", "error"}) or answer["type_id"] != type_id:
            problems.append(f"not an answer to type {type_id}: {line[:200]!r}")
            answers.append(("broken", None))
        elif "error" in answer:
            answers.append(("error", answer["error"]))
        else:
            answers.append(("value", answer["value"]))
    answers += [("missing", None)] * (len(batch) - len(answers))
    return answers, problems


def guarded_peer(metadata: bytes, batch: list[tuple[int, bytes]], timeout: float) -> list[tuple[str, Any]]:
    """`bittensor_core` over hostile bytes, in a child with bounded memory and time: what kills it must not kill us."""
    answers: list[tuple[str, Any]] = []
    while len(answers) < len(batch):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 2)
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (int(timeout) + 1, int(timeout) + 1))
            try:
                with os.fdopen(writer, "w") as out:
                    peer = Peer(metadata)
                    for type_id, data in batch[len(answers) :]:
                        try:
                            answer = peer.decode(type_id, data)
                            line = json.dumps(answer)
                        except (MemoryError, RecursionError) as error:
                            line = json.dumps(("lost", type(error).__name__))
                        out.write(line + "\n")
                        out.flush()
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as lines:
            for line in lines:
                try:
                    answers.append(tuple(json.loads(line)))
                except (ValueError, RecursionError):
                    answers.append(("lost", "unreadable"))
        os.waitpid(pid, 0)
        if len(answers) < len(batch):
            answers.append(("lost", "the process died"))
    return answers
