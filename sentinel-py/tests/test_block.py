"""A block is an index; its extrinsics and events decode when they are asked."""

from __future__ import annotations

import pytest

import sentinel

from .conftest import RawBlock


def test_what_an_extrinsic_tells(block: sentinel.Block, raw: RawBlock) -> None:
    inherent, stake, transfer = block.extrinsics
    assert (inherent.pallet, inherent.name, inherent.signer, inherent.success) == ("Timestamp", "set", None, True)
    assert (inherent.nonce, inherent.tip, inherent.era) == (None, None, None)
    assert (stake.nonce, stake.tip, stake.era, stake.status, stake.error) == (7, 0, (64, 14), "success", None)
    assert (transfer.era, transfer.status, transfer.success) == ("00", "failed", False)
    assert transfer.error == "SubtensorModule.NotEnoughStake"
    assert transfer.data.hex() == raw["extrinsics"][2][2:]
    assert transfer.hash == transfer.to_dict()["extrinsic_hash"]
    assert stake.args() == {argument["name"]: argument["value"] for argument in stake.call()["call_args"]}
    assert [event.name for event in stake.events] == ["Transfer", "StakeAdded", "ExtrinsicSuccess"]


def test_what_an_event_tells(block: sentinel.Block) -> None:
    event = block.events[4]
    assert (event.pallet, event.name, event.phase, event.extrinsic_idx) == ("Balances", "Deposit", "Finalization", None)
    assert event.fields()["amount"] == 77
    assert (event.index, event.topics) == (4, [])
    assert block.events[1].topics == ["0x" + "11" * 32]


def test_equal_pairs_are_one_object(block: sentinel.Block) -> None:
    names = block.event_names()
    assert names[0] == ("System", "ExtrinsicSuccess")
    assert names[0] is names[3]
    assert block.calls()[1] is block.calls()[1]


def test_the_sequences_of_a_block(block: sentinel.Block) -> None:
    assert (len(block), len(block.extrinsics), len(block.events)) == (3, 3, 6)
    assert block.events[-1].name == "ExtrinsicFailed"
    assert [event.index for event in block.events[4:0:-2]] == [4, 2]
    assert [event.index for event in block.events] == list(range(6))
    with pytest.raises(IndexError):
        block.events[6]
    with pytest.raises(IndexError):
        block.extrinsics[-4]


def test_events_of_one_kind(block: sentinel.Block) -> None:
    assert [event.extrinsic_idx for event in block.events_of("System", "ExtrinsicSuccess")] == [0, 1]
    assert block.events_of("System", "NoSuchEvent") == []


def test_a_block_outlives_what_made_it(metadata: bytes, raw: RawBlock) -> None:
    event = sentinel.Runtime(metadata).index(**raw).events[1]
    assert event.fields()["amount"] == 10**9


def test_an_extrinsic_that_does_not_decode_hides_nothing_else(runtime: sentinel.Runtime, raw: RawBlock) -> None:
    broken = ["0x08ff00", *raw["extrinsics"][1:]]
    block = runtime.index(broken, raw["events"])
    assert block.calls()[0] is None
    assert block.calls()[1] == ("SubtensorModule", "add_stake")
    assert block.signers()[0] is None
    with pytest.raises(sentinel.DecodeError, match="format byte 0xff"):
        block.extrinsics[0]
    first, second, _ = block.to_dict()["extrinsics"]
    assert first == {"index": 0, "decode_error": "extrinsic format byte 0xff is not known at byte 1"}
    assert second["call"]["call_function"] == "add_stake"
    assert b'"decode_error":"extrinsic format byte 0xff is not known at byte 1"' in block.to_json()


def test_fields_are_not_decoded_before_they_are_asked_for(runtime: sentinel.Runtime, raw: RawBlock) -> None:
    # System.remark announces more bytes than there are: the index does not look, the call does.
    block = runtime.index(["0x140400005068"], "0x00")
    assert block.calls() == [("System", "remark")]
    assert block.extrinsics[0].name == "remark"
    with pytest.raises(sentinel.DecodeError, match="in remark.remark, of System.remark"):
        block.extrinsics[0].args()


def test_accounts_are_one_string_however_often_they_come(block: sentinel.Block) -> None:
    events = block.to_dict(lean=True)["events"]
    assert events[1]["attributes"]["from"] is events[2]["attributes"][0]


def test_more_accounts_than_the_memo_holds(runtime: sentinel.Runtime) -> None:
    accounts = [number.to_bytes(32, "big") for number in range(20_000)]
    addresses = [runtime.decode(0, account) for account in accounts]
    assert len(set(addresses)) == len(accounts)
    assert [runtime.decode(0, account) for account in accounts[::999]] == addresses[::999]
