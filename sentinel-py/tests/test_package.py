"""The package as its users meet it: import, types, documentation, threads and processes."""

from __future__ import annotations

import doctest
import inspect
import os
import subprocess
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

import sentinel
from sentinel import _native

from .conftest import RawBlock

PUBLIC = [name for name in dir(_native) if not name.startswith("_")]
CLASSES = [item for name in PUBLIC if isinstance(item := getattr(_native, name), type)]
FUNCTIONS = [(name, item) for name in PUBLIC if not isinstance(item := getattr(_native, name), type)]
MEMBERS = [
    (f"{kind.__name__}.{name}", member)
    for kind in CLASSES
    if not issubclass(kind, BaseException)
    for name, member in vars(kind).items()
    if not name.startswith("_")
] + FUNCTIONS


def test_every_public_name_of_the_native_module_is_the_package_s() -> None:
    assert sorted(sentinel.__all__) == sorted([*PUBLIC, "apy"])
    for name in PUBLIC:
        assert getattr(sentinel, name) is getattr(_native, name)
    for kind in CLASSES:
        assert kind.__module__ == "sentinel"


@pytest.mark.parametrize(("name", "member"), MEMBERS, ids=[name for name, _ in MEMBERS])
def test_everything_public_is_documented(name: str, member: Any) -> None:
    assert (inspect.getdoc(member) or "").strip(), f"{name} has no docstring"


def test_the_stubs_match_the_native_module() -> None:
    pytest.importorskip("mypy.stubtest")
    done = subprocess.run([sys.executable, "-m", "mypy.stubtest", "sentinel"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_in_the_documentation(runtime: sentinel.Runtime, raw: RawBlock) -> None:
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    documented = [("sentinel", sentinel), *((kind.__name__, kind) for kind in CLASSES), *MEMBERS]
    examples = 0
    for name, item in documented:
        names = {"runtime": runtime, "block": runtime.index(**raw), "sentinel": sentinel}
        test = parser.get_doctest(inspect.getdoc(item) or "", names, name, None, None)
        examples += len(test.examples)
        runner.run(test)
    assert examples > 15
    assert runner.summarize(verbose=False).failed == 0


IMPORT = """
import sys, threading
before = set(sys.modules)
import sentinel
print(threading.active_count(), len(__import__("os").listdir("/proc/self/task")))
print(sorted(name for name in set(sys.modules) - before if name.partition(".")[0] != "sentinel"))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_importing_starts_nothing_and_loads_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    threads, modules = done.stdout.splitlines()
    assert threads == "1 1"
    assert modules == "[]"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_decodes(runtime: sentinel.Runtime, block: sentinel.Block) -> None:
    expected = block.to_dict()
    child = os.fork()
    if child == 0:
        os._exit(0 if block.to_dict() == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_threads_share_a_runtime(metadata: bytes, raw: RawBlock) -> None:
    runtime = sentinel.Runtime(metadata)
    expected = sentinel.Runtime(metadata).index(**raw).to_dict()
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(50):
            found = runtime.index(**raw).to_dict()
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_package_is_typed() -> None:
    from importlib.resources import files

    assert isinstance(sentinel, ModuleType)
    assert files("sentinel").joinpath("py.typed").is_file()
    assert files("sentinel").joinpath("_native.pyi").is_file()
