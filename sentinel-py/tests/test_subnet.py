"""Answers of the runtime APIs of subnets, encoded here by hand."""

from __future__ import annotations

import pytest

import sentinel

from .conftest import METADATA

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
ALICE_KEY = bytes.fromhex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
NOBODY = bytes(32)

# Subnet 1 at block 54 of a real chain of spec 218.
REAL_218 = (
    "0x15013062e40100014004feff030050025a620213ffffffffffffff3f00009101214e00910102093d000700e8764817c26c3c005000010200025a"
    "620204009a990300cecc020000"
)


def compact(number: int) -> bytes:
    if number < 1 << 6:
        return bytes([number << 2])
    if number < 1 << 14:
        return (number << 2 | 1).to_bytes(2, "little")
    if number < 1 << 30:
        return (number << 2 | 2).to_bytes(4, "little")
    size = max(4, (number.bit_length() + 7) // 8)
    return bytes([(size - 4) << 2 | 3]) + number.to_bytes(size, "little")


def neuron() -> bytes:
    axon = (7).to_bytes(8, "little") + (9).to_bytes(4, "little") + (0x0A000001).to_bytes(16, "little")
    axon += (8091).to_bytes(2, "little") + bytes([4, 4, 0, 0])
    numbers = [1, 5_000_000_000, 65_535, 2, 3, 4, 5, 600_000]
    stake = compact(1) + ALICE_KEY + compact(1 << 40)
    return b"".join(
        [ALICE_KEY, ALICE_KEY, compact(0), compact(3), b"\1", axon, bytes(31), stake]
        + [compact(number) for number in numbers]
        + [b"\0", compact(7)]
    )


def selective(fields: dict[int, bytes]) -> bytes:
    """An answer of 77 options, of which these are there."""
    absent = [b"\0"] * 77
    absent[0] = compact(0)
    for index, field in fields.items():
        absent[index] = b"\1" + field if index else field
    return b"\1" + b"".join(absent)


@pytest.fixture(scope="session")
def old() -> sentinel.Runtime:
    return sentinel.Runtime.from_file(METADATA / "raonet-218-v14.scale")


def test_hyperparameters_of_a_real_subnet(old: sentinel.Runtime) -> None:
    found = sentinel.decode_hyperparameters(old, REAL_218, function="get_subnet_hyperparams")
    assert found is not None and len(found) == 27
    assert found["rho"] == {"raw": 12, "value": 12, "unit": "int"}
    assert found["max_burn"] == {"raw": 100_000_000_000, "value": 100.0, "unit": "rao"}
    assert found["liquid_alpha_enabled"] == {"raw": False, "value": False, "unit": "bool"}
    assert found["kappa"]["raw"] == 31_000 and found["kappa"]["value"] == pytest.approx(31_000 / 65_535)


def test_unknown_names_are_kept(runtime: sentinel.Runtime) -> None:
    answer = b"\1" + compact(1) + compact(3) + b"new" + b"\5" + compact(1_500_000_000)
    found = sentinel.decode_hyperparameters(runtime, answer, function="SubnetInfoRuntimeApi_get_subnet_hyperparams_v3")
    assert found == {"new": {"raw": 1_500_000_000, "value": 1.5, "unit": "rao"}}


@pytest.mark.parametrize("wrapped", [False, True])
def test_neurons_of_both_wrappings(runtime: sentinel.Runtime, old: sentinel.Runtime, wrapped: bool) -> None:
    answer = compact(1) + neuron()
    if wrapped:
        runtime, answer = old, compact(len(answer)) + answer
    found = sentinel.decode_metagraph(runtime, answer, netuid=3, function="get_neurons_lite", block=600_100)
    assert found is not None
    assert (found["netuid"], found["mechanism"], found["block"]) == (3, 0, 600_100)
    neurons = found["neurons"]
    assert neurons["hotkeys"] == [ALICE]
    assert neurons["axons"] == [{"ip": "10.0.0.1", "port": 8091, "ip_type": 4, "protocol": 4, "version": 9, "block": 7}]
    assert (neurons["emission"], neurons["incentive"], neurons["validator_trust"]) == ([5_000_000_000], [65_535], [4])
    assert neurons["last_update"] == [600_000]
    # 218 is a runtime on the way to dynamic TAO, which lists something else in this place.
    assert neurons["own_stake"] == (None if wrapped else [1 << 40])
    assert neurons["total_stake"] is None and neurons["registered_at"] is None, "absent, not 0"
    assert found["weights"] is None and found["validators"] is None


def test_a_selective_metagraph(runtime: sentinel.Runtime) -> None:
    name = "τ1".encode()
    fields = {
        1: compact(len(name)) + b"".join(compact(byte) for byte in name),
        6: NOBODY,
        7: compact(2_000),
        12: compact(1 << 50),
        23: compact(32_767),
        36: compact(100),
        52: compact(2) + ALICE_KEY + NOBODY,
        66: compact(2) + compact(1_950) + compact(1_800),
        71: compact(1) + ALICE_KEY + compact(77),
        73: compact(1) + ALICE_KEY + compact(2) + compact(255) + compact(0),
    }
    found = sentinel.decode_metagraph(runtime, selective(fields), netuid=9, function="get_selective_metagraph")
    assert found is not None
    assert found["netuid"] == 9, "the answer says 0 where it was not asked"
    assert found["block"] == 2_000
    info = found["info"]
    assert (info["name"], info["alpha_in"], info["tao_in"]) == ("τ1", 1 << 50, None)
    assert info["owner_coldkey"] is None, "the account of nobody"
    assert found["hyperparameters"]["kappa"]["raw"] == 32_767
    assert found["neurons"]["hotkeys"] == [ALICE, "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"]
    assert found["neurons"]["is_immune"] == [True, False]
    assert found["alpha_dividends"] == [(ALICE, 77)]
    assert found["commitments"] == [(ALICE, b"\xff\0")]
    assert found["neurons"]["rank"] is None


def test_what_is_no_answer_raises(runtime: sentinel.Runtime, old: sentinel.Runtime) -> None:
    with pytest.raises(ValueError, match="get_delegates"):
        sentinel.decode_metagraph(runtime, b"", netuid=1, function="get_delegates")
    with pytest.raises(ValueError, match="get_metagraph"):
        sentinel.decode_hyperparameters(runtime, b"", function="get_metagraph")
    for answer in [b"", b"\1", b"\2", selective({})[:-1], selective({}) + b"\0"]:
        with pytest.raises(sentinel.DecodeError):
            sentinel.decode_metagraph(runtime, answer, netuid=1, function="get_selective_metagraph")
    with pytest.raises(sentinel.DecodeError, match="get_neurons_lite"):
        sentinel.decode_metagraph(old, compact(1) + neuron()[:-1], netuid=1, function="get_neurons_lite")
    with pytest.raises(TypeError):
        sentinel.decode_metagraph(runtime, b"\0")  # type: ignore[call-arg]
