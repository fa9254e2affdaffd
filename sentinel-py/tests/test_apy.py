"""Returns of stakers: numbers, sequences, buffers and Arrow columns give the same."""

from __future__ import annotations

import array
import doctest
import inspect
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest

import sentinel
from sentinel import _native, apy

EPOCH_MS = 4_320_000
# Two validators over three epochs: 0.1 % each; nothing staked, then 1 % once.
DIVIDEND = [0, 1_000, 1_001, 0, 0, 10]
STAKE_AFTER = [1_000_000, 1_001_000, 1_002_001, 0, 1_000, 1_010]
TIME = [0, EPOCH_MS, 2 * EPOCH_MS] * 2
GROUP = [1, 1, 1, 2, 2, 2]


def window(**columns: Any) -> dict[str, list[Any]]:
    given = {"dividend": DIVIDEND, "stake_after": STAKE_AFTER, "timestamp_ms": TIME, "group": GROUP, **columns}
    return dict(apy.window_returns(**given, start_ms=0, end_ms=2 * EPOCH_MS))  # type: ignore[arg-type]


def test_windows_of_a_table() -> None:
    found = window()
    assert found["growth"] == [pytest.approx(float(Fraction(1001, 1000) ** 2 - 1), rel=1e-14), 0.01]
    assert found["epochs"] == [2, 1]
    assert found["coverage"] == [1.0, 0.5]
    assert found["reason"] == [None, None]
    assert found["short"] == [True, True]
    years = 31_557_600_000 / (2 * EPOCH_MS)
    assert found["apr"][0] == pytest.approx(0.002 * years, rel=1e-12)
    assert found["apy"][0] == pytest.approx(1.001 ** (2 * years) - 1, rel=1e-9)
    assert window(group=None, offsets=[0, 3, 6]) == found
    assert window(missing_before=[0, 0, 1, 0, 0, 0])["missing_epochs"] == [1, 0]


def test_every_kind_of_column_gives_the_same() -> None:
    expected = window()
    dividend, timestamp_ms = array.array("Q", DIVIDEND), array.array("q", TIME)
    assert window(dividend=dividend, timestamp_ms=timestamp_ms, group=array.array("H", GROUP)) == expected
    assert window(stake_after=iter(STAKE_AFTER), group=tuple(GROUP)) == expected


@pytest.mark.parametrize("kind", ["uint64", "int64", "uint32", "int32"])
def test_numpy_columns(kind: str) -> None:
    numpy = pytest.importorskip("numpy")
    columns = {"dividend": DIVIDEND, "stake_after": STAKE_AFTER, "timestamp_ms": TIME, "group": GROUP}
    assert window(**{name: numpy.array(values, dtype=kind) for name, values in columns.items()}) == window()
    # Every other row of an array twice as long: memory that is not in one piece.
    strided = numpy.repeat(numpy.array(DIVIDEND, dtype=kind), 2)[::2]
    assert window(dividend=strided) == window()
    with pytest.raises(TypeError, match="`dividend` has 2 dimensions"):
        window(dividend=numpy.zeros((2, 3), dtype=kind))


@pytest.mark.parametrize("kind", ["uint64", "int64", "uint32"])
def test_arrow_columns(kind: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"dividend": DIVIDEND, "stake_after": STAKE_AFTER, "timestamp_ms": TIME, "group": GROUP}
    arrays = {name: pyarrow.array(values, type=kind) for name, values in columns.items()}
    assert window(**arrays) == window()
    # A slice begins inside of its buffer, a chunked array has several.
    longer = pyarrow.array([9, *DIVIDEND, 9], type=kind)
    assert window(dividend=longer.slice(1, 6)) == window()
    assert window(dividend=pyarrow.chunked_array([DIVIDEND[:2], DIVIDEND[2:]], type=kind)) == window()
    assert window(timestamp_ms=pyarrow.array(TIME, type=pyarrow.timestamp("ms"))) == window()
    with pytest.raises(sentinel.ApyError, match="row 1 of `dividend` is null"):
        window(dividend=pyarrow.array([0, None, 1, 0, 0, 0], type=kind))
    with pytest.raises(TypeError, match="not of integers"):
        window(dividend=pyarrow.array([0.5] * 6))


def test_bad_columns_say_which() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"dividend": [1, -2, 3, 0, 0, 0]}, "row 1 of `dividend`"),
        ({"dividend": array.array("q", [1, -2, 3, 0, 0, 0])}, "row 1 of `dividend` is negative"),
        ({"stake_after": [1]}, "column `stake_after` has 1 rows"),
        ({"group": [1]}, "column `group` has 1 rows"),
        ({"offsets": [0, 6]}, "not both"),
        ({"group": None, "offsets": [0, 7]}, "offset 1 is 7"),
        ({"timestamp_ms": [2, 1, 0, 0, 0, 0]}, "row 1 is of 1 ms"),
    ]
    for wrong, text in cases:
        with pytest.raises(sentinel.ApyError, match=text):
            window(**wrong)
    with pytest.raises(sentinel.ApyError, match="no time passes"):
        apy.annual_yield(0.1, 5, 5)
    with pytest.raises(TypeError):
        window(dividend=7)
    assert issubclass(sentinel.ApyError, sentinel.Error)


def test_dust_is_flagged_and_the_listing_survives() -> None:
    rows = {"dividend": [0, 5, 0, 1], "stake_after": [1, 6, 1_000, 1_001], "timestamp_ms": [0, EPOCH_MS] * 2}
    found = apy.window_returns(**rows, offsets=[0, 2, 4], start_ms=0, end_ms=EPOCH_MS)
    assert (found["apy"][0], found["overflow"], found["reason"]) == (None, [True, False], ["overflow", None])
    assert found["apy"][1] is not None


def test_share_prices_keep_all_digits() -> None:
    shares = (1 << 120) + 1
    assert apy.share_growth(1 << 63, shares, (1 << 63) + 1, shares) == 2.0**-63
    assert apy.share_growth(5, 0, 5, 1) is None
    assert apy.share_growth(5, 10 << 64, 6, (1, 1)) == 0.2


HOTKEY = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


def epoch(number: int, **fields: Any) -> dict[str, Any]:
    """A row of the dataset `epochs`: 0.1 % paid on what is staked, in a pool of as many shares."""
    row = {
        "block": 360 * number,
        "timestamp_ms": EPOCH_MS * number,
        "netuid": 1,
        "hotkey": HOTKEY,
        "registered_at": 7,
        "registration_counter": 1,
        "dividend": 1_000_000,
        "stake_after": 1_001_000_000,
        "stake": 1_001_000_000,
        "shares": "1000000000",
        "shares_exponent": 0,
        "spot_price": 0.5,
        "pool_epoch": None,
    }
    return {**row, **fields}


def opening(**fields: Any) -> dict[str, Any]:
    return epoch(0, dividend=None, stake_after=None, stake=10**9, **fields)


def test_a_report_of_one_validator() -> None:
    report = apy.window_report([opening(), epoch(1)], start_ms=0, end_ms=EPOCH_MS)
    assert report["growth"] == 0.001
    assert (report["epochs"], report["coverage"], report["reason"], report["short"]) == (1, 1.0, None, True)
    assert report["check"] is not None and report["check"]["agrees"]
    assert report["check"]["by_price"] == report["check"]["by_epochs"] == 0.001
    assert (report["splits"], report["nulls"]) == ([], [])
    years = 31_557_600_000 / EPOCH_MS
    assert report["apy"] == pytest.approx(1.001**years - 1, rel=1e-9)
    assert report["tao"]["growth"] == pytest.approx(0.001, rel=1e-12)
    dearer = apy.window_report([opening(), epoch(1, spot_price=0.75)], start_ms=0, end_ms=EPOCH_MS)
    assert dearer["tao"]["growth"] == pytest.approx(1.001 * 1.5 - 1, rel=1e-12)
    assert (dearer["growth"], dearer["window_ms"]) == (0.001, EPOCH_MS)
    # Without prices there is no check, and nothing in TAO.
    bare = [
        {"block": row["block"], "timestamp_ms": row["timestamp_ms"], "dividend": row["dividend"] or 0,
         "stake_after": row["stake_after"] or 10**9}
        for row in (opening(), epoch(1))
    ]  # fmt: skip
    plain = apy.window_report(iter(bare), start_ms=0, end_ms=EPOCH_MS)
    assert (plain["growth"], plain["check"], plain["tao"]["reason"]) == (0.001, None, "price_unknown")


def test_a_report_says_what_is_missing_and_where_it_is_split() -> None:
    end = 4 * EPOCH_MS
    gap = apy.window_report([opening(), epoch(4, missing_before=3)], start_ms=0, end_ms=end)
    assert (gap["missing_epochs"], gap["coverage"], gap["growth"]) == (3, 1.0, 0.001)
    empty = {"dividend": None, "stake_after": None, "stake": 0, "shares": 0}
    rows = [opening(), epoch(1), epoch(2, **empty, pool_epoch=1), epoch(3, pool_epoch=2), epoch(4, pool_epoch=2)]
    hole = apy.window_report(rows, start_ms=0, end_ms=end)
    assert hole["nulls"] == [{"block": 720, "reason": "no_stake"}]
    assert [split["kind"] for split in hole["splits"]] == ["pool_reset"]
    assert hole["coverage"] == 0.5
    swapped = apy.window_report([opening(), epoch(1), epoch(2, hotkey=bytes(32))], start_ms=0, end_ms=2 * EPOCH_MS)
    assert swapped["splits"] == [{"block": 720, "kind": "hotkey_swap"}]
    reused = [opening(), epoch(1), epoch(2, registered_at=700, registration_counter=2)]
    replaced = apy.window_report(reused, start_ms=0, end_ms=2 * EPOCH_MS)
    assert replaced["splits"] == [{"block": 720, "kind": "subnet_replaced"}]
    assert (replaced["growth"], replaced["reason"]) == (None, "subnet_replaced")
    idle = apy.window_report([opening(), epoch(1, epoch=False, stake=10**9)], start_ms=0, end_ms=EPOCH_MS)
    assert (idle["epochs"], idle["growth"]) == (0, 0.0)


def test_bad_observations_say_which() -> None:
    cases: list[tuple[list[Any], str]] = [
        ([{"timestamp_ms": 0}], "observation 0 has no `block`"),
        ([epoch(1), epoch(1)], "observation 1 is of block 360"),
        ([epoch(1), epoch(2, timestamp_ms=1)], "row 1 is of 1 ms"),
        ([epoch(1, dividend=-1)], "`dividend` of observation 0"),
        ([epoch(1, shares="many")], "`shares` of observation 0"),
        ([epoch(0), epoch(1, hotkey="nobody")], "`hotkey` of observation 1"),
        ([epoch(1, hotkey=b"short")], "`hotkey` of observation 0"),
        ([epoch(1, spot_price="dear")], "`spot_price` of observation 0"),
    ]
    for rows, text in cases:
        with pytest.raises(sentinel.ApyError, match=text):
            apy.window_report(rows, start_ms=0, end_ms=EPOCH_MS)
    with pytest.raises(TypeError, match="observation 0 is no dictionary"):
        apy.window_report([7], start_ms=0, end_ms=EPOCH_MS)  # type: ignore[list-item]
    nothing = apy.window_report([], start_ms=0, end_ms=EPOCH_MS)
    assert (nothing["growth"], nothing["reason"]) == (None, "no_epochs")


def test_the_examples_in_the_documentation() -> None:
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    for name in ["", *apy.__all__]:
        item = getattr(apy, name) if name else apy
        if isinstance(item, int):
            continue
        test = parser.get_doctest(inspect.getdoc(item) or "", {"sentinel": sentinel}, f"apy.{name}", None, None)
        assert test.examples, f"apy.{name} has no example"
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_all_of_the_native_functions_are_there() -> None:
    native = [name for name in dir(_native._apy) if not name.startswith("_")]
    assert sorted(apy.__all__) == sorted(native)


def test_importing_it_needs_nothing_else() -> None:
    code = "import sys, sentinel.apy; print([name for name in ('numpy', 'pyarrow') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
