"""Does the command line say of the simulated network what Bittensor's own SDK reads from it, field by field?

The SDK (`bittensor` 11.3.0) reads over JSON-RPC from `examples/serve_sim.rs`; so does `sentinel-cli`. Stakes are compared
with what the generator itself keeps (`examples/sim_truth.rs`). See README.md beside this file for the commands.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import math
import subprocess
import sys
from collections import Counter, defaultdict
from typing import Any

import bittensor
from sdk_reads import sweep

MECHANISM = 4096
# Enums that the command line shows by number.
CHOICES = {"recycle_or_burn": ("Burn", "Recycle"), "liquid_alpha_consensus_mode": ("Current", "Previous", "Auto")}
INFO = "SubnetInfoRuntimeApi"


class Comparison:
    """Counts what was compared, and keeps what differs."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.differences: list[dict] = []

    def same(self, topic: str, where: str, sdk: Any, ours: Any, close: float = 0.0) -> None:
        self.counts[topic] += 1
        if type(sdk) is float and type(ours) is float and close:
            equal = math.isclose(sdk, ours, rel_tol=close, abs_tol=0.0)
        else:
            equal = sdk == ours and isinstance(sdk, bool) == isinstance(ours, bool)
        if not equal:
            self.differences.append({"topic": topic, "where": where, "sdk": sdk, "sentinel": ours})


class Cli:
    def __init__(self, program: str, url: str) -> None:
        self.start = [program, "-q", "-n", url, "-f", "json"]

    def __call__(self, block: int, *args: Any) -> Any:
        command = [*self.start, "-b", str(block), *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)


def text(value: Any) -> str:
    """Text as the SDK hands it over: a list of bytes, text, or hex of what is no text."""
    if isinstance(value, list):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:]).decode("utf-8", "replace")
        except ValueError:
            return value
    return value


def texts(fields: dict | None) -> dict | None:
    return None if fields is None else {key: text(value) for key, value in fields.items()}


def address(axon: dict) -> str | None:
    if not axon["ip"]:
        return None
    kind = ipaddress.IPv6Address if axon["ip_type"] == 6 else ipaddress.IPv4Address
    return str(kind(axon["ip"]))


def simple(value: Any) -> Any:
    """A value of the SDK without its fixed-point wrapper."""
    return value["bits"] if isinstance(value, dict) and set(value) == {"bits"} else value


async def hyperparameters(found: Comparison, view: Any, at: str, netuid: int, ours: dict) -> None:
    """The newest form through the SDK's own read, the two before it as the runtime answers."""
    own = {entry["name"]: entry["raw"] for entry in ours["hyperparameters"]}
    newest = await view.subnets.subnet_hyperparameters(netuid)
    for name, value in newest.items():
        found.same("hyperparameters v3", f"{at} {name}", value, own.get(name))
    for version in ("", "_v2"):
        answer = await view.runtime((INFO, f"get_subnet_hyperparams{version}"), [netuid])
        for name, value in answer.items():
            value = simple(value)
            if name == "alpha_sigmoid_steepness":
                value >>= 32
            found.same(f"hyperparameters{version or ' v1'}", f"{at} {name}", value, own.get(name))
    items = {entry["name"]: tuple(entry["storage"].split(".")) for entry in ours["hyperparameters"] if entry["storage"]}
    for name, item in items.items():
        if name in ("yuma_version", "alpha_high", "alpha_low"):
            continue  # Derived from the item, compared above.
        value = simple(await view.query(item, [netuid]))
        if isinstance(value, str):
            value = CHOICES[name].index(value)
        found.same("hyperparameters in storage", f"{at} {name}", value, own[name])


async def overview(found: Comparison, view: Any, at: str, netuid: int, ours: dict) -> None:
    """What the list of subnets says, beside the SDK's overview of the pool and its smaller reads."""
    pool = await view.runtime((INFO, "get_dynamic_info"), [netuid])
    names = {
        "owner_hotkey": "owner_hotkey", "owner_coldkey": "owner_coldkey", "tempo": "tempo", "last_step": "last_step",
        "blocks_since_last_step": "blocks_since_last_step", "alpha_in": "alpha_in", "alpha_out": "alpha_out",
        "tao_in": "tao_in", "alpha_out_emission": "alpha_out_emission", "alpha_in_emission": "alpha_in_emission",
        "tao_in_emission": "tao_in_emission", "pending_alpha_emission": "pending_emission",
        "subnet_volume": "subnet_volume", "network_registered_at": "registered_at",
    }  # fmt: skip
    for sdk, own in names.items():
        found.same("subnet list", f"{at} {sdk}", pool[sdk], ours[own])
    found.same("subnet list", f"{at} symbol", text(pool["token_symbol"]), ours["symbol"])
    found.same("subnet list", f"{at} identity", texts(pool["subnet_identity"]), ours["identity"])
    found.same("subnet list", f"{at} moving price", simple(pool["moving_price"]), ours["moving_price_bits"])
    info = await view.subnets.subnet(netuid)
    found.same("subnet list", f"{at} neurons", info.neuron_count, ours["num_uids"])
    found.same("subnet list", f"{at} burn", info.burn.rao, ours["burn"])
    found.same("subnet list", f"{at} mechanisms", await view.subnets.mechanism_count(netuid), ours["mechanism_count"])
    enabled = await view.hyperparameters.subnet_emission_enabled(netuid)
    found.same("subnet list", f"{at} emission", bool(enabled), ours["emission_enabled"])
    price = await view.prices.alpha_price(netuid)
    # The chain's answer is rounded down to a rao.
    found.same("prices", f"{at} price", price["price_rao"], math.floor(ours["price"] * 1e9 + 1e-6))
    found.same("prices", f"{at} quote", 1 if netuid == 0 else 0, int(ours["price"] == 1.0))


async def metagraph(found: Comparison, view: Any, at: str, netuid: int, ours: dict, listed: dict) -> list[dict]:
    """The whole metagraph, neuron by neuron, from the SDK's typed one and the answer behind it."""
    graph = await view.subnets.metagraph(netuid)
    raw = graph.raw
    top = {
        "subnet_name": text(raw["name"]), "tempo": raw["tempo"], "neuron_count": raw["num_uids"],
        "alpha_out_emission": raw["alpha_out_emission"], "moving_price": simple(raw["moving_price"]) / 2**32,
    }  # fmt: skip
    for name, value in top.items():
        found.same("metagraph", f"{at} {name}", value, ours[name], 1e-12)
    found.same("metagraph", f"{at} max_uids", raw["max_uids"], listed["max_uids"])
    paid = dict(raw["alpha_dividends_per_hotkey"])
    for neuron in ours["neurons"]:
        uid = neuron["uid"]
        where, main = f"{at} uid {uid}", neuron["mechanisms"][0]
        fields = {
            "hotkey": raw["hotkeys"][uid], "coldkey": raw["coldkeys"][uid], "is_active": raw["active"][uid],
            "is_validator": raw["validator_permit"][uid], "registered_at": raw["block_at_registration"][uid],
            "emissions": raw["emission"][uid], "dividend_raw": raw["dividends"][uid],
            "alpha_stake": raw["alpha_stake"][uid], "tao_stake": raw["tao_stake"][uid],
            "stake": raw["total_stake"][uid], "collateral_locked": raw["collateral_locked"][uid],
            "collateral_min": raw["collateral_min"][uid], "collateral_earned": raw["collateral_earned"][uid],
            "identity": texts(raw["identities"][uid]), "alpha_dividends": paid.get(raw["hotkeys"][uid]),
        }  # fmt: skip
        for name, value in fields.items():
            found.same("metagraph", f"{where} {name}", value, neuron[name])
        found.same("metagraph", f"{where} last update", raw["last_update"][uid], main["last_update"])
        found.same("metagraph", f"{where} incentive", raw["incentives"][uid], main["incentive_raw"])
        found.same("metagraph", f"{where} consensus", raw["consensus"][uid], neuron["consensus_raw"])
        for name in ("rank", "trust", "pruning_score"):
            found.same("metagraph", f"{where} {name}", raw[name] == [], neuron[f"{name}_raw"] is None)
        axon, own = raw["axons"][uid], neuron["axon"]
        served = None if not axon["ip"] and not axon["port"] else {
            "ip": address(axon), "port": axon["port"], "ip_type": axon["ip_type"], "protocol": axon["protocol"],
            "version": axon["version"], "block": axon["block"],
        }  # fmt: skip
        found.same("metagraph", f"{where} axon", served, own)
    typed(found, at, graph, ours["neurons"])
    return ours["neurons"]


def typed(found: Comparison, at: str, graph: Any, neurons: list[dict]) -> None:
    """The SDK's typed metagraph: fractions, balances, addresses."""
    for neuron, own in zip(graph.neurons, neurons, strict=True):
        where, main = f"{at} uid {own['uid']}", own["mechanisms"][0]
        amounts = {
            "total_stake": "stake", "alpha_stake": "alpha_stake", "tao_stake": "tao_stake", "emission": "emissions",
            "collateral_locked": "collateral_locked",
        }  # fmt: skip
        for name, key in amounts.items():
            found.same("typed metagraph", f"{where} {name}", getattr(neuron, name).rao, own[key])
        shares = {"dividends": own["dividend"], "incentive": main["incentive"], "consensus": own["consensus"]}
        for name, value in shares.items():
            found.same("typed metagraph", f"{where} {name}", getattr(neuron, name), value, 1e-12)
        found.same("typed metagraph", f"{where} axon", neuron.axon, own["axon_address"])


async def mechanisms(found: Comparison, view: Any, at: str, netuid: int, neurons: list[dict]) -> None:
    """Each mechanism for itself, and the selective forms with all their fields."""
    whole = await view.runtime((INFO, "get_metagraph"), [netuid])
    everything = await view.runtime((INFO, "get_selective_metagraph"), [netuid, list(range(77))])
    for name, value in whole.items():
        found.same("selective metagraph", f"{at} {name}", everything[name], value)
    for mechanism in range(len(neurons[0]["mechanisms"])):
        for form, args in (("", []), ("selective", [list(range(77))])):
            name = "get_selective_mechagraph" if form else "get_mechagraph"
            graph = await view.runtime((INFO, name), [netuid, mechanism, *args])
            found.same("mechagraph", f"{at} {name} index", graph["netuid"], netuid + mechanism * MECHANISM)
            for neuron in neurons:
                own, uid = neuron["mechanisms"][mechanism], neuron["uid"]
                where = f"{at} {name} {mechanism} uid {uid}"
                found.same("mechagraph", f"{where} incentive", graph["incentives"][uid], own["incentive_raw"])
                found.same("mechagraph", f"{where} last update", graph["last_update"][uid], own["last_update"])


async def rows(found: Comparison, view: Any, at: str, netuid: int, neurons: list[dict], ours: dict) -> None:
    """Neurons one by one, with their weights and bonds, and the matrices of every mechanism."""
    lite = {neuron.uid: neuron for neuron in await view.neurons.all(netuid)}
    full = {neuron.uid: neuron.raw for neuron in await view.neurons.all(netuid, lite=False)}
    own_rows = {(part["mech_id"], row["uid"]): row for part in ours["mechanisms"] for row in part["rows"]}
    for neuron in neurons:
        uid, main = neuron["uid"], neuron["mechanisms"][0]
        where, raw, sdk = f"{at} uid {uid}", full[uid], lite[uid]
        fields = {
            "hotkey": neuron["hotkey"], "coldkey": neuron["coldkey"], "active": neuron["is_active"],
            "validator_permit": neuron["is_validator"], "last_update": main["last_update"],
        }  # fmt: skip
        for name, own in fields.items():
            found.same("neurons", f"{where} {name}", getattr(sdk, name), own)
        found.same("neurons", f"{where} stake", sdk.total_stake.rao, neuron["stake"])
        numbers = {
            "emission": neuron["emissions"], "incentive": main["incentive_raw"], "consensus": neuron["consensus_raw"],
            "dividends": neuron["dividend_raw"], "validator_trust": neuron["validator_trust_raw"],
        }  # fmt: skip
        for name, own in numbers.items():
            found.same("neurons", f"{where} {name}", raw[name], own)
        row = own_rows.get((0, uid), {})
        for name in ("weights", "bonds"):
            own = [(cell["uid"], cell["raw"]) for cell in row.get(name) or []]
            found.same("neurons", f"{where} {name}", [tuple(cell) for cell in raw[name]], own)
    for mechanism in range(len(ours["mechanisms"])):
        weights = await view.weights.weights(netuid, mechanism)
        bonds = await view.weights.bonds(netuid, mechanism)
        uids = {uid for at_mechanism, uid in own_rows if at_mechanism == mechanism}
        for uid in sorted(uids | set(weights) | set(bonds)):
            row, where = own_rows.get((mechanism, uid), {}), f"{at} mechanism {mechanism} row {uid}"
            cells = {cell["uid"]: cell["share"] for cell in row.get("weights") or []}
            found.same("weights", f"{where} targets", sorted(weights.get(uid, {})), sorted(cells))
            for target, share in weights.get(uid, {}).items():
                found.same("weights", f"{where} to {target}", share, cells.get(target), 1e-12)
            cells = {cell["uid"]: cell["raw"] / 65535 for cell in row.get("bonds") or []}
            for target, bond in bonds.get(uid, {}).items():
                found.same("bonds", f"{where} to {target}", bond, cells.get(target), 1e-12)


async def dividends(found: Comparison, view: Any, at: str, netuid: int, neurons: list[dict], ours: dict) -> None:
    """What the last epoch paid, from storage, beside the metagraph and the command for dividends."""
    paid = dict(await view.query_map(("SubtensorModule", "AlphaDividendsPerSubnet"), [netuid]))
    vector = await view.query(("SubtensorModule", "Dividends"), [netuid])
    shown = {entry["uid"]: entry for entry in ours["dividends"]}
    for neuron in neurons:
        where = f"{at} uid {neuron['uid']}"
        found.same("dividends", f"{where} paid", paid.get(neuron["hotkey"], 0), neuron["alpha_dividends"])
        own = shown.get(neuron["uid"])
        if own is None:
            found.same("dividends", f"{where} none", vector[neuron["uid"]], 0)
            continue
        found.same("dividends", f"{where} raw", vector[neuron["uid"]], own["dividend_raw"])
        found.same("dividends", f"{where} hotkey", neuron["hotkey"], own["hotkey"])


async def stakes(found: Comparison, view: Any, block: int, truth: dict) -> None:
    """Every stake of every coldkey, beside the ledger that the generator keeps without shares."""
    ledger = truth["stakes"].get(block, {})
    coldkeys = sorted({coldkey for _, _, coldkey in ledger})
    for start in range(0, len(coldkeys), 50):
        answer = await view.staking.stake_for_coldkeys(coldkeys[start : start + 50])
        for coldkey, positions in answer.items():
            sdk = {(position.netuid, position.hotkey): position.stake.rao for position in positions}
            own = {(netuid, hotkey): rao for (netuid, hotkey, of), rao in ledger.items() if of == coldkey}
            for key in sorted(set(sdk) | set(own)):
                apart = abs(sdk.get(key, -10) - own.get(key, -10))
                # A share of the pool and the ledger may each round a part of a rao away.
                found.same("stakes", f"block {block} {coldkey} {key}", apart <= 2, True)
    total: dict[int, int] = defaultdict(int)
    for (netuid, _, _), rao in ledger.items():
        total[netuid] += rao
    for netuid, rao in total.items():
        sdk = (await view.staking.total_alpha_staked(netuid)).rao
        found.same("stakes", f"block {block} subnet {netuid} in all", abs(sdk - rao) <= len(ledger), True)


async def epochs(found: Comparison, view: Any, at: str, netuid: int, block: int, listed: dict, truth: dict) -> None:
    """Where a subnet is in its cycle, beside the epochs that the generator says it ran."""
    status = await view.epochs.epoch_status(netuid)
    found.same("epochs", f"{at} tempo", status["tempo"], listed["tempo"])
    # The step of the chain's structure counts since the epoch, as the list does.
    ran = [
        entry["block"]
        for entry in truth["epochs"].get(netuid, [])
        if listed["registered_at"] <= entry["block"] <= block
    ]
    found.same("epochs", f"{at} last step", listed["last_step"], ran[-1] if ran else 0)
    if ran:
        found.same("epochs", f"{at} since", status["blocks_since_last_step"], block - ran[-1])


async def blocks(found: Comparison, cli: Cli, view: Any, block: int) -> None:
    """The extrinsics of a block by call, and its time."""
    own, sdk = cli(block, "block", "extrinsics"), await view.block_info(block)
    calls = [f"{entry['call']['call_module']}.{entry['call']['call_function']}" for entry in own["extrinsics"]]
    theirs = [f"{value['call']['call_module']}.{value['call']['call_function']}" for value in sdk.extrinsics]
    found.same("blocks", f"block {block} calls", theirs, calls)
    found.same("blocks", f"block {block} hash", sdk.hash, own["block_hash"])
    found.same("blocks", f"block {block} time", int(sdk.timestamp.timestamp() * 1000), own["timestamp"])
    signers = [entry["address"] for entry in own["extrinsics"]]
    found.same("blocks", f"block {block} signers", [value.get("address") for value in sdk.extrinsics], signers)


def read_truth(path: str | None) -> dict:
    truth: dict = {"stakes": defaultdict(dict), "epochs": defaultdict(list)}
    if path is None:
        return truth
    with open(path, encoding="utf-8") as lines:
        for entry in map(json.loads, lines):
            if "rao" in entry:
                truth["stakes"][entry["at"]][entry["netuid"], entry["hotkey"], entry["coldkey"]] = entry["rao"]
            elif "EpochRan" in entry["what"]:
                what = entry["what"]["EpochRan"]
                truth["epochs"][what["netuid"]].append({"block": entry["block"], "index": what["index"]})
    return truth


async def compare(options: argparse.Namespace) -> tuple[Comparison, dict]:
    found, cli, truth = Comparison(), Cli(options.cli, options.url), read_truth(options.truth)
    async with bittensor.Client(options.url, fallback_endpoints=[], archive_endpoints=[]) as client:
        for block in options.blocks:
            view = await client.at(block)
            listed = {entry["netuid"]: entry for entry in cli(block, "subnet", "list")["subnets"]}
            known = [info.netuid for info in await view.subnets.all()]
            found.same("subnet list", f"block {block} netuids", known, sorted(listed))
            settings = {entry["netuid"]: entry for entry in cli(block, "subnet", "hyperparameters")["subnets"]}
            for netuid in known:
                at = f"block {block} subnet {netuid}"
                await hyperparameters(found, view, at, netuid, settings[netuid])
                await overview(found, view, at, netuid, listed[netuid])
                graph = cli(block, "subnet", "metagraph", "-u", netuid)
                neurons = await metagraph(found, view, at, netuid, graph, listed[netuid])
                await mechanisms(found, view, at, netuid, neurons)
                await rows(found, view, at, netuid, neurons, cli(block, "subnet", "weights", "-u", netuid))
                if netuid:
                    paid = cli(block, "subnet", "dividends", "-u", netuid)
                    await dividends(found, view, at, netuid, neurons, paid)
                    await epochs(found, view, at, netuid, block, listed[netuid], truth)
            await stakes(found, view, block, truth)
            await blocks(found, cli, view, block)
            print(
                f"block {block}: {sum(found.counts.values())} fields, {len(found.differences)} differ", file=sys.stderr
            )
        reads = await sweep(client, options.blocks[-1])
    return found, reads


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://127.0.0.1:9944", help="where serve_sim listens")
    parser.add_argument("--cli", required=True, help="the sentinel-cli to ask")
    parser.add_argument("--truth", help="output of sim_truth for the same blocks")
    parser.add_argument(
        "--blocks", default="1,400,9000,14001,21600", type=lambda it: [int(one) for one in it.split(",")]
    )
    parser.add_argument("--report", help="file for all differences, as JSON")
    options = parser.parse_args()
    found, reads = asyncio.run(compare(options))
    for topic, count in sorted(found.counts.items()):
        differ = sum(one["topic"] == topic for one in found.differences)
        print(f"{topic:28} {count:8} compared {differ:6} differ")
    print(f"{'in all':28} {sum(found.counts.values()):8} compared {len(found.differences):6} differ")
    failed = {name: why for name, why in reads.items() if why}
    print(f"reads of the SDK: {len(reads) - len(failed)} of {len(reads)} answer")
    for name, why in failed.items():
        print(f"  {name}: {why}")
    for one in found.differences[:20]:
        print(f"  {one['topic']}, {one['where']}: the SDK has {one['sdk']!r}, sentinel {one['sentinel']!r}"[:400])
    if options.report:
        with open(options.report, "w", encoding="utf-8") as file:
            json.dump(
                {"counts": found.counts, "differences": found.differences, "reads": reads}, file, indent=1, default=str
            )
    return 1 if found.differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
