"""Whatever goes wrong is a `sentinel.Error` that says where, or one of Python's own for a wrong argument."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

import sentinel

from .conftest import RawBlock


def test_one_tree() -> None:
    for error in (sentinel.DecodeError, sentinel.MetadataError, sentinel.InternalError):
        assert issubclass(error, sentinel.Error)
    assert issubclass(sentinel.Error, Exception)


def test_an_error_says_where(runtime: sentinel.Runtime) -> None:
    with pytest.raises(sentinel.DecodeError) as caught:
        runtime.decode_call("0x000050ff")
    assert str(caught.value) == "19 more bytes expected, 1 left at byte 3, in remark.remark, of System.remark"
    assert (caught.value.offset, caught.value.path, caught.value.item) == (3, "remark.remark", "System.remark")


@pytest.mark.parametrize("lean", [False, True])
def test_bytes_left_over_are_an_error(runtime: sentinel.Runtime, lean: bool) -> None:
    with pytest.raises(sentinel.DecodeError, match="1 bytes left over"):
        runtime.decode_call(b"\0\0\x08hi!", lean=lean)


def test_nesting_without_end_is_an_error(runtime: sentinel.Runtime) -> None:
    sudo = runtime.decode_call("0x0c000000086869")["call_index"]
    assert sudo == "0x0c00"
    with pytest.raises(sentinel.DecodeError, match="nested deeper than"):
        runtime.decode_call(b"\x0c\0" * 100_000)


def test_more_items_than_bytes_are_an_error(runtime: sentinel.Runtime) -> None:
    with pytest.raises(sentinel.DecodeError, match="items announced"):
        runtime.decode_events(b"\xfe\xff\xff\xff")


def test_the_same_errors_from_dictionaries_and_json(runtime: sentinel.Runtime) -> None:
    for bad in (b"", b"\0", b"\0\0", b"\0\0\x08h", b"\xff\xff", b"\0\xff"):
        with pytest.raises(sentinel.DecodeError) as from_objects:
            runtime.decode_call(bad)
        with pytest.raises(sentinel.DecodeError) as from_json:
            runtime.decode_call_json(bad)
        assert str(from_objects.value) == str(from_json.value)


def test_every_cut_of_a_block_is_an_ordinary_error(runtime: sentinel.Runtime, raw: RawBlock) -> None:
    events = bytes.fromhex(raw["events"][2:])
    for end in range(len(events)):
        with pytest.raises(sentinel.DecodeError):
            runtime.decode_events(events[:end])
    for extrinsic in raw["extrinsics"]:
        data = bytes.fromhex(extrinsic[2:])
        for end in range(len(data)):
            with pytest.raises(sentinel.DecodeError):
                runtime.decode_extrinsic(data[:end])


def test_events_that_do_not_decode_are_an_error_of_the_block(runtime: sentinel.Runtime) -> None:
    with pytest.raises(sentinel.DecodeError):
        runtime.index([], "0x04")


def test_what_is_not_metadata(metadata: bytes, tmp_path: Path) -> None:
    for bad in (b"", b"meta", b"meta\x0e", b"meta\x63" + bytes(9), metadata[:-1], metadata + b"\0"):
        with pytest.raises(sentinel.MetadataError):
            sentinel.Runtime(bad)
    with pytest.raises(FileNotFoundError):
        sentinel.Runtime.from_file(tmp_path / "nothing")


def test_what_the_runtime_does_not_have(runtime: sentinel.Runtime) -> None:
    with pytest.raises(sentinel.MetadataError, match=r"no storage item SubtensorModule\.Tempi"):
        runtime.decode_storage("SubtensorModule", "Tempi", b"\0\0")
    with pytest.raises(sentinel.DecodeError, match="no type 99999"):
        runtime.decode(99999, b"")


@pytest.mark.parametrize("text", ["", "0", "ff", "0x0", "0xgg", "0xé0", " 0x00"])
def test_text_that_is_not_hex(runtime: sentinel.Runtime, text: str) -> None:
    with pytest.raises(sentinel.DecodeError, match="hex"):
        runtime.decode(2, text)


@pytest.mark.parametrize("value", [None, 1, [1], 1.5, object()])
def test_arguments_that_are_not_bytes(runtime: sentinel.Runtime, value: Any) -> None:
    with pytest.raises(TypeError, match="bytes or 0x-prefixed hex expected"):
        runtime.decode(2, value)


def test_one_extrinsic_is_not_a_sequence_of_them(runtime: sentinel.Runtime) -> None:
    for single in ("0x00", b"\0"):
        with pytest.raises(TypeError, match="sequence of extrinsics"):
            runtime.index(single, "0x00")  # type: ignore[arg-type, unused-ignore]


def test_every_form_of_bytes(runtime: sentinel.Runtime, metadata: bytes) -> None:
    data = b"\0\0\x08hi"
    for form in (data, bytearray(data), memoryview(data), memoryview(data + b"!")[:-1], "0x0000086869", "0x0000086869"):
        assert runtime.decode_call(form) == runtime.decode_call(data)
    assert sentinel.Runtime("0x" + metadata.hex()).digest == runtime.digest


def test_a_runtime_goes_to_another_process(runtime: sentinel.Runtime) -> None:
    copy: sentinel.Runtime = pickle.loads(pickle.dumps(runtime))
    assert copy.digest == runtime.digest
    assert repr(copy) == "<Runtime node-subtensor 461, metadata V15>"
