"""How like another a change of weights is.

cosine            ⟨Δ, Δ̂⟩ / (‖Δ‖ ‖Δ̂‖)         its direction
ratio             ‖Δ‖ / ‖Δ̂‖                   its size
error             ‖Δ − Δ̂‖ / ‖Δ̂‖               both; noise of size e across the change has an error of e, too
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corticalnet.columns.beside import Changes
from corticalnet.compare import cosine, ratio, relative_error, size

#: All synapses together.
ALL = "all"
#: Smaller errors are rounding, and have no logarithm to take a mean of.
LEAST = 1e-17


@dataclass(frozen=True)
class Comparison:
    """One area's weight change in one trial, compared with what it should be.

    Attributes:
        cosine, ratio, error: to backprop's; not a number where backprop changes nothing.
        own: relative error to the rule's own change in the network view.
    """

    cosine: float
    ratio: float
    error: float
    own: float


def compare(found: Changes, wanted: Changes, own: Changes | None = None) -> dict[str, Comparison]:
    """Compare changes area by area, and all together."""
    own = own or wanted
    pairs = {area: (found[area], wanted[area], own[area]) for area in found}
    pairs[ALL] = tuple(np.concatenate(list(side.values())) for side in (found, wanted, own))  # type: ignore[assignment]
    return {area: Comparison(*_of(mine, bp), _of(mine, its)[2]) for area, (mine, bp, its) in pairs.items()}


def _of(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> tuple[float, float, float]:
    error = relative_error(found, wanted) if size(wanted) else math.nan
    return cosine(found, wanted), ratio(found, wanted), error


def mean(numbers: Iterable[float]) -> float:
    """Compute the arithmetic mean of the finite numbers; NaN if there are none."""
    kept = [n for n in numbers if math.isfinite(n)]
    return sum(kept) / len(kept) if kept else math.nan


def geometric_mean(numbers: Iterable[float]) -> float:
    """Compute the geometric mean of the finite numbers; NaN if there are none."""
    kept = [math.log(max(n, LEAST)) for n in numbers if math.isfinite(n)]
    return math.exp(sum(kept) / len(kept)) if kept else math.nan


@dataclass(frozen=True)
class PowerLawFit:
    """A power law fitted to points: error = scale · x^exponent, by least squares of logarithms.

    Attributes:
        scale, exponent: of the law.
        spread: standard error of the exponent.
    """

    scale: float
    exponent: float
    spread: float

    def __str__(self) -> str:
        return f"{self.exponent:+.2f} ± {self.spread:.2f}"


def fit_power_law(x: Iterable[float], errors: Iterable[float]) -> PowerLawFit | None:
    """Fit a power law to points; None with fewer than three, or at fewer than two places."""
    points = [(math.log(a), math.log(e)) for a, e in zip(x, errors, strict=True) if a > 0 and e > LEAST]
    if len(points) < 3 or len({a for a, _ in points}) < 2:
        return None
    a, e = np.array(points).T
    slope, start = np.polyfit(a, e, 1)
    left = e - slope * a - start
    spread = math.sqrt(left @ left / (len(a) - 2) / ((a - a.mean()) @ (a - a.mean())))
    return PowerLawFit(math.exp(start), float(slope), spread)
