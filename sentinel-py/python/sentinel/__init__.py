"""The Bittensor chain in Python: bytes of blocks in, Python objects out.

A `Runtime` is the metadata of one runtime, compiled for decoding. It decodes single values, calls, extrinsics and events,
and indexes whole blocks: a `Block` knows every call, event and signer by name, and decodes fields when they are asked for.

>>> call = runtime.decode_call("0x0000086869")
>>> call["call_module"], call["call_function"], call["call_args"]
('System', 'remark', [{'name': 'remark', 'type': 'Bytes', 'value': 'hi'}])

Answers of the runtime APIs of subnets have functions of their own, `decode_hyperparameters` and `decode_metagraph`, which read
them for every runtime since 2023.

Values have the shape that `bittensor_core` gives them, so code written for it keeps working; `lean=True` leaves out what
costs time and is seldom looked at. Bytes that do not decode raise a `sentinel.Error`. What stakers earn is in `sentinel.apy`.
"""

from . import apy
from ._native import (
    ApyError,
    Block,
    DecodeError,
    Error,
    Event,
    Events,
    Extrinsic,
    Extrinsics,
    InternalError,
    MetadataError,
    Runtime,
    decode_hyperparameters,
    decode_metagraph,
)

__all__ = [
    "ApyError",
    "Block",
    "DecodeError",
    "Error",
    "Event",
    "Events",
    "Extrinsic",
    "Extrinsics",
    "InternalError",
    "MetadataError",
    "Runtime",
    "apy",
    "decode_hyperparameters",
    "decode_metagraph",
]
