"""Which rule made this recording? Rules told apart by what rates do while networks learn.

Rates to the same stimuli are recorded before, during and after learning. Of each area and each time a few
numbers are taken that any experimenter could (:data:`OBSERVABLES`); a linear classifier, taught by networks
whose rule is known, says which rule a recording speaks for. It is judged on networks that it has not seen.

After Nayebi, Srivastava, Ganguli & Yamins 2020, who tell four rules apart by statistics of deep networks'
activities, weights and changes; here from activities alone, which is what is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import array, whole
from corticalnet.errors import RuleError
from corticalnet.tables import table

Array = NDArray[np.float64]
_TINY = 1e-12


def _mean(now: Array, first: Array, last: Array) -> float:
    return float(now.mean())


def _tuning(now: Array, first: Array, last: Array) -> float:
    return float(now.std(0).mean())


def _diversity(now: Array, first: Array, last: Array) -> float:
    return float(now.mean(0).std())


def _sparseness(now: Array, first: Array, last: Array) -> float:
    rates = np.abs(now)
    return float(1 - (rates.mean(0) ** 2 / ((rates**2).mean(0) + _TINY)).mean())


def _dimension(now: Array, first: Array, last: Array) -> float:
    spectrum = np.linalg.svd(now - now.mean(0), compute_uv=False) ** 2
    return float(spectrum.sum() ** 2 / ((spectrum**2).sum() + _TINY))


def _change(now: Array, first: Array, last: Array) -> float:
    return float(np.linalg.norm(now - first) / (np.linalg.norm(first) + _TINY))


def _speed(now: Array, first: Array, last: Array) -> float:
    return float(np.linalg.norm(now - last) / (np.linalg.norm(first) + _TINY))


def _geometry(now: Array, first: Array, last: Array) -> float:
    return _correlation(_similarities(now), _similarities(first))


#: What is measured of rates ``[stimuli, cells]`` at each time, beside those at the first time and at the last
#: one before: mean rate; spread over stimuli, and over cells; Treves–Rolls sparseness over stimuli;
#: participation ratio of the principal components; distance from before learning, and since the last time;
#: correlation of similarities between stimuli with those before.
OBSERVABLES: dict[str, Callable[[Array, Array, Array], float]] = {
    "mean": _mean,
    "tuning": _tuning,
    "diversity": _diversity,
    "sparseness": _sparseness,
    "dimension": _dimension,
    "change": _change,
    "speed": _speed,
    "geometry": _geometry,
}


def observables(rates: Mapping[str, Any]) -> dict[str, float]:
    """Measure what rates of some areas do while a network learns.

    Args:
        rates: area -> ``[times, stimuli, cells]``, the same stimuli at every time, the first before learning.

    Returns:
        "area.observable.time" -> a number.

    Raises:
        RuleError: rates have another shape, or are not finite.

    >>> import numpy as np
    >>> found = observables({"area1": np.random.default_rng(0).random((2, 5, 4))})
    >>> len(found), found["area1.change.0"]
    (16, 0.0)
    """
    found: dict[str, float] = {}
    for area, given in rates.items():
        recorded = array(f"observables: rates of '{area}'", given, RuleError, finite=True).astype(np.float64)
        if recorded.ndim != 3 or min(recorded.shape) < 1:
            raise RuleError(
                f"observables: rates of '{area}' have shape {recorded.shape}; it must be "
                "(times, stimuli, cells)"
            )
        for name, measure in OBSERVABLES.items():
            for k, now in enumerate(recorded):
                found[f"{area}.{name}.{k}"] = measure(now, recorded[0], recorded[max(k - 1, 0)])
    return found


@dataclass(frozen=True)
class Identification:
    """How well rules are told apart on networks that were held out.

    Attributes:
        rules: their names.
        confusion: ``[true, said]``, shares of the recordings of each rule.
        accuracy: mean of the diagonal.
        chance: what guessing gives.
    """

    rules: tuple[str, ...]
    confusion: Array
    accuracy: float
    chance: float

    @property
    def mistaken(self) -> list[tuple[str, str, float]]:
        """Return (true, said, share) of all confusions, the most frequent first."""
        found = [
            (true, said, float(self.confusion[i, j]))
            for i, true in enumerate(self.rules)
            for j, said in enumerate(self.rules)
            if i != j and self.confusion[i, j] > 0
        ]
        return sorted(found, key=lambda one: -one[2])

    def __str__(self) -> str:
        rows = [
            [rule, *(f"{share:.0%}" for share in row)]
            for rule, row in zip(self.rules, self.confusion, strict=True)
        ]
        title = f"told apart on held-out networks: {self.accuracy:.0%}, by chance {self.chance:.0%}"
        return table(["true \\ said", *self.rules], rows, title)


class RuleIdentifier:
    """A classifier of recordings by the rule that made them: standardised numbers, multinomial logistic.

    Args:
        penalty: of large coefficients (L2); the larger, the simpler.

    Raises:
        RuleError: a penalty that is no number above 0.

    >>> known = [{"area1.change.1": 0.1}, {"area1.change.1": 0.12}, {"area1.change.1": 0.9}]
    >>> identifier = RuleIdentifier().fit(known, ["slow", "slow", "fast"])
    >>> probabilities = identifier.identify({"area1.change.1": 0.11})
    >>> max(probabilities, key=probabilities.get)
    'slow'
    """

    def __init__(self, penalty: float = 1.0) -> None:
        if not isinstance(penalty, int | float) or isinstance(penalty, bool) or not 0 < penalty < np.inf:
            raise RuleError(f"RuleIdentifier: penalty must be a number above 0, not {penalty!r}")
        self.penalty = float(penalty)
        self._names: list[str] = []
        self._model: Any = None

    def fit(self, recordings: Sequence[Mapping[str, float]], rules: Sequence[str]) -> RuleIdentifier:
        """Learn from recordings whose rule is known.

        Args:
            recordings: what :func:`observables` has measured, one mapping for each network.
            rules: the name of the rule of each.

        Raises:
            RuleError: not as many rules as recordings, one rule alone, or recordings of other numbers.
        """
        rows = self._read(recordings, rules)
        self._model = self._made().fit(rows, list(rules))
        return self

    def identify(self, recording: Mapping[str, float]) -> dict[str, float]:
        """Return the probability of each rule that it has learned from.

        Raises:
            RuleError: it has not learned, or the recording holds other numbers.
        """
        if self._model is None:
            raise RuleError("RuleIdentifier: it knows no rule yet; call fit(recordings, rules) first")
        shares = self._model.predict_proba(self._rows([recording]))[0]
        return {str(rule): float(share) for rule, share in zip(self._model.classes_, shares, strict=True)}

    def held_out(
        self,
        recordings: Sequence[Mapping[str, float]],
        rules: Sequence[str],
        groups: Sequence[Any],
        folds: int = 5,
    ) -> Identification:
        """Judge it on groups of recordings that it has not learned from.

        Args:
            recordings, rules: as for :meth:`fit`.
            groups: of each recording: the network's seed, or a learning rate; none is in both parts.
            folds: how often it learns anew; at most as often as there are groups.

        Raises:
            RuleError: as for :meth:`fit`, or there are fewer than two groups or folds.
        """
        from sklearn.model_selection import GroupKFold, cross_val_predict

        rows = self._read(recordings, rules)
        if len(groups) != len(rules) or len(set(groups)) < 2:
            raise RuleError("RuleIdentifier: give each recording a group, of at least two, to hold some out")
        split = GroupKFold(min(whole("folds", folds, RuleError, least=2), len(set(groups))))
        said = cross_val_predict(self._made(), rows, np.array(rules), groups=list(groups), cv=split)
        names = tuple(dict.fromkeys(rules))
        true = np.array(rules)
        confusion = np.array([[float((said[true == t] == s).mean()) for s in names] for t in names])
        return Identification(names, confusion, float(np.diag(confusion).mean()), 1 / len(names))

    def _read(self, recordings: Sequence[Mapping[str, float]], rules: Sequence[str]) -> Array:
        if len(recordings) != len(rules) or len(set(rules)) < 2:
            raise RuleError(
                f"RuleIdentifier: {len(recordings)} recordings and {len(rules)} names of {len(set(rules))} "
                "rules; it takes one for each, of at least two rules"
            )
        self._names = list(recordings[0])
        return self._rows(recordings)

    def _rows(self, recordings: Sequence[Mapping[str, float]]) -> Array:
        for one in recordings:
            if one.keys() != set(self._names):
                other = sorted(one.keys() ^ set(self._names))[0]
                raise RuleError(f"RuleIdentifier: '{other}' is measured in some recordings, and not in all")
        return np.array([[one[name] for name in self._names] for one in recordings])

    def _made(self) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(C=1 / self.penalty, max_iter=5000))


def _similarities(rates: Array) -> Array:
    centred = rates - rates.mean(0)
    gram: Array = centred @ centred.T
    upper: Array = gram[np.triu_indices(len(gram), 1)]
    return upper


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean() if len(a) else a, b - b.mean() if len(b) else b
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + _TINY))
