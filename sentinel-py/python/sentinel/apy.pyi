# The types of `sentinel.apy`; what each function does is said in its docstring.

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypedDict

from typing_extensions import Buffer

__all__ = [
    "DEFAULT_TAKE",
    "SECONDS_PER_YEAR",
    "annual_rate",
    "annual_yield",
    "epoch_return",
    "epoch_returns",
    "operator_return",
    "operator_take",
    "root_by_basket",
    "root_by_claims",
    "share_growth",
    "single_epoch_estimate",
    "spot_price",
    "tao_growth",
    "window_report",
    "window_returns",
]

class _ArrowArray(Protocol):
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

class _ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class _Array(Protocol):
    def __array__(self) -> Buffer: ...

_Column: TypeAlias = Iterable[int] | Buffer | _ArrowArray | _ArrowStream | _Array
_Shares: TypeAlias = int | tuple[int, int]
_Outcome: TypeAlias = tuple[float, None] | tuple[None, str]

class _Windows(TypedDict):
    apy: list[float | None]
    apr: list[float | None]
    growth: list[float | None]
    coverage: list[float]
    epochs: list[int]
    missing_epochs: list[int]
    reason: list[str | None]
    overflow: list[bool]
    short: list[bool]
    covered_ms: list[int]
    window_ms: list[int]

class _Figures(TypedDict):
    apy: float | None
    apr: float | None
    growth: float | None
    coverage: float
    epochs: int
    missing_epochs: int
    reason: str | None
    overflow: bool
    short: bool
    covered_ms: int
    window_ms: int

class _Check(TypedDict):
    by_price: float | None
    by_epochs: float | None
    difference: float | None
    rounding: float
    agrees: bool

class _Split(TypedDict):
    block: int
    kind: Literal["hotkey_swap", "pool_reset", "subnet_replaced"]

class _Null(TypedDict):
    block: int
    reason: str

class _Report(_Figures):
    tao: _Figures
    check: _Check | None
    splits: list[_Split]
    nulls: list[_Null]

DEFAULT_TAKE: int
SECONDS_PER_YEAR: int

def annual_rate(total: float, start_ms: int, end_ms: int) -> float | None: ...
def annual_yield(growth: float, start_ms: int, end_ms: int) -> float | None: ...
def epoch_return(dividend: int | None, stake_after: int | None, stake: int | None = None) -> _Outcome: ...
def epoch_returns(dividend: _Column, stake_after: _Column) -> list[float | None]: ...
def operator_return(dividend: int, stake_after: int, own_stake: int, *, take: int = ...) -> _Outcome: ...
def operator_take(dividend: int, take: int = ...) -> int | None: ...
def root_by_basket(readings: Sequence[tuple[int, int]]) -> _Outcome: ...
def root_by_claims(changes: Sequence[tuple[int, int, float | None]]) -> _Outcome: ...
def share_growth(stake0: int, shares0: _Shares, stake1: int, shares1: _Shares) -> float | None: ...
def single_epoch_estimate(earned: float, staked: float, tempo: int, *, legacy: bool = False) -> _Outcome: ...
def spot_price(
    netuid: int,
    mechanism: int,
    tao: int,
    alpha: int,
    *,
    swap_v3_initialized: bool | None = None,
    sqrt_price: int | None = None,
    balancer_quote: int | None = None,
) -> float | None: ...
def tao_growth(alpha_growth: float, price0: float, price1: float) -> float | None: ...
def window_report(observations: Iterable[Mapping[str, Any]], *, start_ms: int, end_ms: int) -> _Report: ...
def window_returns(
    dividend: _Column,
    stake_after: _Column,
    timestamp_ms: _Column,
    *,
    start_ms: int,
    end_ms: int,
    group: _Column | None = None,
    offsets: _Column | None = None,
    missing_before: _Column | None = None,
) -> _Windows: ...
