#!/usr/bin/env bash
# Takes the chain data out of a clone of opentensor/subtensor: extract-runtimes.sh GITDIR OUTDIR [REVISION]
set -euo pipefail
repo=$1 out=$2 revision=${3:-14bc6f9f964b9cc362e9635dd110a487fa5d15a0}
mkdir -p "$out"
show() { git -C "$repo" show "$revision:$1"; }
show chainspecs/raw_spec_testfinney.json > "$out/testfinney.json"
show scripts/specs/raonet.json > "$out/raonet.json"
python3 - "$out" <(show node/src/chain_spec/code_substitute_2585476.txt) <<'P'
import json, sys
out, substitute = sys.argv[1], sys.argv[2]
open(f"{out}/codesub.wasm", "wb").write(bytes.fromhex(open(substitute).read().strip()))
code = json.load(open(f"{out}/raonet.json"))["genesis"]["raw"]["top"]["0x3a636f6465"]
open(f"{out}/raonet.wasm", "wb").write(bytes.fromhex(code[2:]))
P
(cd "$out" && sha256sum testfinney.json codesub.wasm raonet.json raonet.wasm)
