# The types of the compiled module; what each thing is and does is said in its docstring.

from collections.abc import Iterable, Iterator
from os import PathLike
from types import ModuleType
from typing import Any, Literal, SupportsIndex, TypeAlias, TypedDict, final, overload

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
    "_apy",
    "decode_hyperparameters",
    "decode_metagraph",
]

_Bytes: TypeAlias = bytes | bytearray | memoryview | str
_Phase: TypeAlias = Literal["ApplyExtrinsic", "Finalization", "Initialization"]
_Era: TypeAlias = tuple[int, int] | str

# What `sentinel.apy` is made of, where its types are.
_apy: ModuleType

class Error(Exception): ...

class DecodeError(Error):
    offset: int
    path: str
    item: str | None

class MetadataError(Error): ...
class ApyError(Error): ...
class InternalError(Error): ...

@final
class Runtime:
    def __new__(cls, metadata: _Bytes) -> Runtime: ...
    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Runtime: ...
    @property
    def spec_name(self) -> str: ...
    @property
    def spec_version(self) -> int: ...
    @property
    def impl_version(self) -> int: ...
    @property
    def transaction_version(self) -> int: ...
    @property
    def metadata_version(self) -> int: ...
    @property
    def digest(self) -> str: ...
    def decode(self, type_id: int, data: _Bytes, *, lean: bool = False) -> Any: ...
    def decode_json(
        self,
        type_id: int,
        data: _Bytes,
        *,
        call_hashes: bool = False,
        strict_bytes: bool = False,
        safe_integers: bool = False,
    ) -> bytes: ...
    def decode_call(self, data: _Bytes, *, lean: bool = False) -> dict[str, Any]: ...
    def decode_call_json(
        self, data: _Bytes, *, call_hashes: bool = False, strict_bytes: bool = False, safe_integers: bool = False
    ) -> bytes: ...
    def decode_storage(self, pallet: str, item: str, data: _Bytes, *, lean: bool = False) -> Any: ...
    def decode_storage_json(
        self,
        pallet: str,
        item: str,
        data: _Bytes,
        *,
        call_hashes: bool = False,
        strict_bytes: bool = False,
        safe_integers: bool = False,
    ) -> bytes: ...
    def decode_extrinsic(self, data: _Bytes, *, lean: bool = False) -> dict[str, Any]: ...
    def decode_extrinsic_json(
        self,
        data: _Bytes,
        *,
        extrinsic_hashes: bool = False,
        call_hashes: bool = False,
        strict_bytes: bool = False,
        safe_integers: bool = False,
    ) -> bytes: ...
    def decode_events(self, data: _Bytes, *, lean: bool = False) -> list[dict[str, Any]]: ...
    def decode_events_json(
        self, data: _Bytes, *, call_hashes: bool = False, strict_bytes: bool = False, safe_integers: bool = False
    ) -> bytes: ...
    def index(self, extrinsics: Iterable[_Bytes], events: _Bytes) -> Block: ...
    def __reduce__(self) -> tuple[type[Runtime], tuple[bytes]]: ...

@final
class Block:
    @property
    def runtime(self) -> Runtime: ...
    @property
    def extrinsics(self) -> Extrinsics: ...
    @property
    def events(self) -> Events: ...
    def __len__(self) -> int: ...
    def calls(self) -> list[tuple[str, str] | None]: ...
    def event_names(self) -> list[tuple[str, str]]: ...
    def signers(self) -> list[str | None]: ...
    def events_of(self, pallet: str, name: str) -> list[Event]: ...
    def to_dict(self, *, lean: bool = False) -> dict[str, list[dict[str, Any]]]: ...
    def to_json(
        self,
        *,
        extrinsic_hashes: bool = False,
        call_hashes: bool = False,
        strict_bytes: bool = False,
        safe_integers: bool = False,
    ) -> bytes: ...

@final
class Extrinsics:
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Extrinsic: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[Extrinsic]: ...
    def __iter__(self) -> Iterator[Extrinsic]: ...

@final
class Events:
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Event: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[Event]: ...
    def __iter__(self) -> Iterator[Event]: ...

@final
class Extrinsic:
    @property
    def index(self) -> int: ...
    @property
    def pallet(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def signer(self) -> str | None: ...
    @property
    def nonce(self) -> int | None: ...
    @property
    def tip(self) -> int | None: ...
    @property
    def era(self) -> _Era | None: ...
    @property
    def hash(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def success(self) -> bool | None: ...
    @property
    def status(self) -> Literal["success", "failed"] | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def error_description(self) -> str | None: ...
    @property
    def events(self) -> list[Event]: ...
    def args(self, *, lean: bool = False) -> dict[str, Any]: ...
    def call(self, *, lean: bool = False) -> dict[str, Any]: ...
    def to_dict(self, *, lean: bool = False) -> dict[str, Any]: ...
    def to_json(
        self,
        *,
        extrinsic_hashes: bool = False,
        call_hashes: bool = False,
        strict_bytes: bool = False,
        safe_integers: bool = False,
    ) -> bytes: ...

@final
class Event:
    @property
    def index(self) -> int: ...
    @property
    def pallet(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def phase(self) -> _Phase: ...
    @property
    def extrinsic_idx(self) -> int | None: ...
    @property
    def topics(self) -> list[str]: ...
    def fields(self, *, lean: bool = False) -> Any: ...
    def to_dict(self, *, lean: bool = False) -> dict[str, Any]: ...
    def to_json(
        self, *, call_hashes: bool = False, strict_bytes: bool = False, safe_integers: bool = False
    ) -> bytes: ...

# These three exist for type checkers only: the functions return plain dictionaries.
class _Hyperparameter(TypedDict):
    raw: int | bool
    value: int | float | bool
    unit: str

class _Axon(TypedDict):
    ip: str | None
    port: int
    ip_type: int
    protocol: int
    version: int
    block: int

class _Metagraph(TypedDict):
    netuid: int
    mechanism: int
    block: int | None
    info: dict[str, Any]
    hyperparameters: dict[str, _Hyperparameter]
    neurons: dict[str, list[Any] | None]
    weights: list[list[tuple[int, int]]] | None
    bonds: list[list[tuple[int, int]]] | None
    alpha_dividends: list[tuple[str, int]] | None
    tao_dividends: list[tuple[str, int]] | None
    validators: list[int] | None
    commitments: list[tuple[str, bytes]] | None

def decode_hyperparameters(
    runtime: Runtime, answer: _Bytes, *, function: str = "get_subnet_hyperparams_v3"
) -> dict[str, _Hyperparameter] | None: ...
def decode_metagraph(
    runtime: Runtime,
    answer: _Bytes,
    *,
    netuid: int,
    mechanism: int = 0,
    block: int | None = None,
    function: str = "get_metagraph",
) -> _Metagraph | None: ...
