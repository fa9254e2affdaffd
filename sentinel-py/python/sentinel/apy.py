"""What stakers earn: pure functions over numbers and columns, with no network and no runtime.

>>> dividend, stake_after = 8_200_000_000, 1_010_000_000_000
>>> sentinel.apy.epoch_return(dividend, stake_after)
(0.008185266520263525, None)

Amounts are integers in units of 10^-9, times the chain's milliseconds, ratios plain: 0.12 is 12 %. What has no return is
None, with the reason beside it; never 0, NaN or infinite. `docs/apy.md` explains the numbers.
"""

from ._native import _apy

DEFAULT_TAKE = _apy.DEFAULT_TAKE
SECONDS_PER_YEAR = _apy.SECONDS_PER_YEAR
annual_rate = _apy.annual_rate
annual_yield = _apy.annual_yield
epoch_return = _apy.epoch_return
epoch_returns = _apy.epoch_returns
operator_return = _apy.operator_return
operator_take = _apy.operator_take
root_by_basket = _apy.root_by_basket
root_by_claims = _apy.root_by_claims
share_growth = _apy.share_growth
single_epoch_estimate = _apy.single_epoch_estimate
spot_price = _apy.spot_price
tao_growth = _apy.tao_growth
window_report = _apy.window_report
window_returns = _apy.window_returns

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
