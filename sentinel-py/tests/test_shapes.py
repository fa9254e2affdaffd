"""Values have the shape that users of `bittensor_core` know."""

from __future__ import annotations

import json

import pytest

import sentinel

from .conftest import RawBlock

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"


def test_a_signed_extrinsic_has_every_key_of_the_sdk(block: sentinel.Block) -> None:
    extrinsic = block.to_dict()["extrinsics"][1]
    assert list(extrinsic) == [
        "extrinsic_hash", "extrinsic_length", "address", "signature", "era", "nonce", "tip", "mode", "call",
    ]  # fmt: skip
    assert extrinsic["address"] == ALICE
    assert extrinsic["signature"] == {"Sr25519": "0x" + "55" * 64}
    assert extrinsic["era"] == (64, 14)
    assert (extrinsic["nonce"], extrinsic["tip"], extrinsic["mode"]) == (7, 0, {"mode": "Disabled"})
    call = extrinsic["call"]
    assert list(call) == ["call_index", "call_function", "call_module", "call_args", "call_hash"]
    assert call["call_args"] == [
        {"name": "hotkey", "type": "AccountId", "value": BOB},
        {"name": "netuid", "type": "NetUid", "value": 5},
        {"name": "amount_staked", "type": "TaoBalance", "value": 2_000_000_000},
    ]


def test_an_inherent_has_no_keys_of_a_signature(block: sentinel.Block) -> None:
    assert list(block.to_dict()["extrinsics"][0]) == ["extrinsic_hash", "extrinsic_length", "call"]


def test_a_lean_extrinsic_always_has_the_same_keys(block: sentinel.Block) -> None:
    inherent, signed, _ = block.to_dict(lean=True)["extrinsics"]
    assert list(inherent) == list(signed) == ["address", "nonce", "tip", "era", "call"]
    assert inherent["address"] is None
    assert signed["call"] == {
        "call_module": "SubtensorModule",
        "call_function": "add_stake",
        "call_args": {"hotkey": BOB, "netuid": 5, "amount_staked": 2_000_000_000},
    }


def test_an_event_says_everything_twice_and_a_lean_one_once(block: sentinel.Block) -> None:
    transfer = {"from": ALICE, "to": BOB, "amount": 10**9}
    event = block.to_dict()["events"][1]
    assert event == {
        "phase": "ApplyExtrinsic",
        "extrinsic_idx": 1,
        "event": {"event_index": "0502", "module_id": "Balances", "event_id": "Transfer", "attributes": transfer},
        "event_index": 5,
        "module_id": "Balances",
        "event_id": "Transfer",
        "attributes": transfer,
        "topics": ["0x" + "11" * 32],
    }
    assert block.to_dict(lean=True)["events"][1] == {
        "phase": "ApplyExtrinsic",
        "extrinsic_idx": 1,
        "module_id": "Balances",
        "event_id": "Transfer",
        "attributes": transfer,
        "topics": ("0x" + "11" * 32,),
    }


def test_unnamed_fields_are_a_tuple_and_a_phase_without_extrinsic_has_none(block: sentinel.Block) -> None:
    events = block.to_dict()["events"]
    assert events[2]["attributes"] == (ALICE, BOB, 2_000_000_000, 1_990_000_000, 5, 5_000_000)
    assert (events[4]["phase"], events[4]["extrinsic_idx"]) == ("Finalization", None)


def test_dictionaries_of_one_kind_are_not_one_dictionary(block: sentinel.Block) -> None:
    first, again = block.to_dict(), block.to_dict()
    first["events"][1]["attributes"]["amount"] = 0
    first["extrinsics"][1]["call"]["call_args"][1]["value"] = 6
    first["events"][0]["topics"].append("0x")
    assert again["events"][1]["attributes"]["amount"] == 10**9
    assert block.to_dict() == again


def test_a_list_of_the_same_decodes_one_by_one(runtime: sentinel.Runtime, raw: RawBlock, block: sentinel.Block) -> None:
    whole = block.to_dict()
    assert [runtime.decode_extrinsic(extrinsic) for extrinsic in raw["extrinsics"]] == whole["extrinsics"]
    assert runtime.decode_events(raw["events"]) == whole["events"]
    assert [extrinsic.to_dict() for extrinsic in block.extrinsics] == whole["extrinsics"]
    assert [event.to_dict(lean=True) for event in block.events] == block.to_dict(lean=True)["events"]


def test_json_holds_the_same_values(block: sentinel.Block) -> None:
    document = json.loads(block.to_json(extrinsic_hashes=True, call_hashes=True))
    whole = json.loads(json.dumps(block.to_dict()))
    for ours, theirs in zip(document["extrinsics"], whole["extrinsics"], strict=True):
        assert ours["call"] == theirs["call"]
        assert ours["extrinsic_hash"] == theirs["extrinsic_hash"]
        assert ours["address"] == theirs.get("address")
    for ours, theirs in zip(document["events"], whole["events"], strict=True):
        assert ours["attributes"] == theirs["attributes"]
        assert ours["event_index"] == theirs["event"]["event_index"]
    alone = json.loads(block.extrinsics[1].to_json(extrinsic_hashes=True, call_hashes=True))
    assert alone.items() <= document["extrinsics"][1].items()
    assert document["extrinsics"][2]["error"]["name"] == "NotEnoughStake"
    assert json.loads(block.events[1].to_json()) == document["events"][1]


@pytest.mark.parametrize(
    ("type_id", "data", "value"),
    [
        (2, "0xff", 255),
        (9, "0x" + "ff" * 16, 2**128 - 1),
        (102, "0x" + "ff" * 32, 2**256 - 1),
        (193, "0x" + "00" * 15 + "80", -(2**127)),
        (45, "0xffff", -1),
    ],
)
def test_integers_of_every_width_are_exact(runtime: sentinel.Runtime, type_id: int, data: str, value: int) -> None:
    assert runtime.decode(type_id, data) == value


def test_a_struct_without_fields_is_a_dictionary_inside_others_only(runtime: sentinel.Runtime) -> None:
    assert runtime.decode(497, b"") == ()
    signed_extras = runtime.decode(573, "0x00140000")
    assert signed_extras == (({}, {}, {}, {}, "00", 5, {}), ({"inner": 0}, {}, {}, {}, {}), {"mode": "Disabled"})


def test_byte_vectors_are_text_where_they_can_be(runtime: sentinel.Runtime) -> None:
    remark = runtime.decode_call("0x0000" + "0c" + "e697a5")
    assert remark["call_args"][0]["value"] == "\u65e5"
    remark = runtime.decode_call("0x0000" + "08" + "e697")
    assert remark["call_args"][0]["value"] == "0xe697"
    assert b'"value":"0x6869"' in runtime.decode_call_json("0x0000086869", strict_bytes=True)


def test_a_call_inside_a_call_is_a_call(runtime: sentinel.Runtime) -> None:
    sudo = runtime.decode_call("0x0c000000086869")
    inner = sudo["call_args"][0]["value"]
    assert inner == runtime.decode_call("0x0000086869")
    assert runtime.decode_call("0x0c000000086869", lean=True)["call_args"] == {
        "call": {"call_module": "System", "call_function": "remark", "call_args": {"remark": "hi"}}
    }


def test_recorded_blocks_of_an_old_runtime(recorded: tuple[sentinel.Runtime, list[RawBlock]]) -> None:
    runtime, blocks = recorded
    assert runtime.spec_version == 218
    indexed = [runtime.index(**raw) for raw in blocks]
    calls = {call for block in indexed for call in block.calls()}
    assert ("SubtensorModule", "set_weights") in calls
    assert ("Proxy", "proxy") in calls
    for block in indexed:
        whole = block.to_dict()
        assert len(whole["extrinsics"]) == len(block.calls())
        assert not [extrinsic for extrinsic in whole["extrinsics"] if "decode_error" in extrinsic]
        names = [(event["module_id"], event["event_id"]) for event in whole["events"]]
        assert names == block.event_names()
        assert [extrinsic.get("address") for extrinsic in whole["extrinsics"]] == block.signers()
        json.loads(block.to_json())
