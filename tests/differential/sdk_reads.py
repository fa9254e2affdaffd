"""Asks for everything that the SDK's catalog of reads has, and says which of it answers."""

from __future__ import annotations

import inspect
from typing import Any


async def arguments(view: Any, netuid: int) -> dict[str, Any]:
    """Something that exists for each kind of argument."""
    graph = await view.runtime(("SubnetInfoRuntimeApi", "get_metagraph"), [netuid])
    root = await view.runtime(("SubnetInfoRuntimeApi", "get_metagraph"), [0])
    coldkey, hotkey = root["coldkeys"][0], root["hotkeys"][0]
    return {
        "netuid": netuid, "netuids": [0, netuid], "uid": 0, "mechid": 0, "lite": True, "block": view.block,
        "amount_tao": 1.5, "amount_alpha": 2.5, "coldkey_ss58": coldkey, "coldkey_ss58s": [coldkey, graph["coldkeys"][1]],
        "hotkey_ss58": hotkey, "hotkey_ss58s": [hotkey], "account_ss58": coldkey, "call_hash": "0x" + "11" * 32,
        "crowdloan_id": 0, "lease_id": 0,
    }  # fmt: skip


async def sweep(client: Any, block: int, netuid: int = 3) -> dict[str, str | None]:
    """Every read by name: none where it answers, else why it does not."""
    view = await client.at(block)
    known = await arguments(view, netuid)
    outcome: dict[str, str | None] = {}
    for entry in client.reads():
        name = entry["name"]
        wanted = entry.get("parameters") or entry.get("params") or {}
        try:
            answer = view.read(name, **{parameter: known[parameter] for parameter in wanted})
            if inspect.isawaitable(answer):
                await answer
            outcome[name] = None
        except Exception as error:  # noqa: BLE001  Whatever the SDK does not digest is what this looks for.
            outcome[name] = f"{type(error).__name__}: {error}"[:160]
    return outcome
