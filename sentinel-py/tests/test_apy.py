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
