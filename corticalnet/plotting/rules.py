"""Rules beside each other: how they learn, and what an update costs beside how like backprop's it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from corticalnet.plotting.style import COLOURS, CYCLE, line, styled


@styled
def accuracy_by_rule(curves: Mapping[str, Sequence[float]], title: str = "") -> Figure:
    """Plot validation accuracy over epochs.

    Args:
        curves: rule -> its accuracy after each epoch, a fraction of 1.
        title: of the figure.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for k, (rule, curve) in enumerate(curves.items()):  # ever thinner: equal rules lie on top of one another
        width = 1 + 0.8 * (len(curves) - 1 - k)
        percents = [100 * value for value in curve]
        axes.plot(range(1, len(curve) + 1), percents, **line(k), lw=width, label=rule)
    axes.set(xlabel="epoch", ylabel="validation accuracy (%)", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), title="rule")
    return figure


@styled
def cost_and_likeness(rules: Mapping[str, tuple[float, float]]) -> Figure:
    """Plot the time of an update, and the cosine of its weight change with backprop's, for each rule.

    Args:
        rules: rule -> time divided by that of torch's autograd, and cosine.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    ratios, cosines = zip(*rules.values(), strict=True)
    left.barh(list(rules), ratios, color=CYCLE[0])
    left.axvline(1, color="black", lw=0.8)
    left.set(xlabel="time of an update / torch autograd's")
    right.barh(list(rules), cosines, color=COLOURS["weight"])
    right.set(xlabel="cosine of the weight change to backprop's", xlim=(min(0, *cosines), 1))
    for axes in (left, right):
        axes.invert_yaxis()
    return figure
