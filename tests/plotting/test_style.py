"""One look: colours that people tell apart, type and ticks that stay, titles and legends that fit."""

import importlib
import io
import itertools

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

import corticalnet as cn
from corticalnet.plotting import raster, save, traces, weight_changes, weight_traces, wiring
from corticalnet.plotting.rules import accuracy_by_rule, cost_and_likeness
from corticalnet.plotting.style import BLUE, COLOURS, CYCLE, LABEL, line, name_phases, styled
from simulations.parts import results as simulations
from tests.figures import hard_to_read, overlapping
from tests.plotting.test_plots import recording

#: Linear RGB as it is seen without red (protan) or green (deutan) cones: Machado, Oliveira & Fernandes 2009.
EYES = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(colour, eyes):
    """CIELAB of a colour, in which a distance of 10 is seen at a glance."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x = XYZ @ np.clip(EYES[eyes] @ linear, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("colours", [CYCLE, dict.fromkeys(COLOURS.values())], ids=["cycle", "roles"])
def test_colours_are_told_apart_by_all_eyes(colours, eyes):
    for one, other in itertools.combinations(colours, 2):
        assert np.linalg.norm(lab(one, eyes) - lab(other, eyes)) > 15, (one, other)


def test_more_lines_than_colours_differ_in_their_dashes():
    looks = [tuple(line(k).values()) for k in range(2 * len(CYCLE))]
    assert len(set(looks)) == len(looks)


@styled
def drawn():
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="C1", label="a")
    axes.set_xlabel("time (ms)")
    axes.legend()
    return figure


def test_a_styled_figure_keeps_its_look_when_it_is_saved_and_others_keep_theirs():
    before = dict(rcParams)
    figure = drawn()
    assert dict(rcParams) == before
    (axes,) = figure.axes
    axes.set_xlim(0, 1000)  # new ticks
    figure.savefig(io.BytesIO(), format="png")
    assert to_hex(axes.lines[0].get_color()) == CYCLE[1]
    assert to_hex(axes.get_legend().get_lines()[0].get_color()) == CYCLE[1]
    assert {label.get_fontsize() for label in axes.get_xticklabels()} == {LABEL}
    assert {tick.tick1line.get_markersize() for tick in axes.xaxis.get_major_ticks()} == {2.5}
    assert axes.xaxis.label.get_fontsize() == LABEL
    assert not axes.spines["top"].get_visible()


@pytest.mark.parametrize("name", simulations.names())
def test_every_simulation_draws_in_this_style(name):
    draw = importlib.import_module(f"simulations.{name}").draw
    assert draw.__wrapped__.__code__ is not draw.__code__
    assert draw.__code__ is drawn.__code__


def test_figures_of_recordings_and_rules_are_easy_to_read():
    data = recording()
    figures = [
        *(draw(data) for draw in (traces, raster, weight_changes)),
        traces(data, columns=12), weight_traces(data, "bias"),
        accuracy_by_rule({f"rule {k}": [0.5, 0.9] for k in range(12)}),
        cost_and_likeness({"backprop": (1.0, 1.0), "z-il": (2.0, 0.9)}),
    ]  # fmt: skip
    for figure in figures:
        assert hard_to_read(figure) == []
        assert overlapping(figure) == []


def test_rules_are_named_beside_their_curves_and_not_upon_them():
    figure = accuracy_by_rule({f"rule {k}": [0.99, 0.995] for k in range(6)})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1


def test_a_long_title_stays_on_the_paper():
    data = recording()
    data.attrs["title"] = "zil_mlp by streaming-fa-z-il, latch, 100 lif cells for each column " * 2
    for figure in (traces(data, area="area1"), weight_traces(data, "bias", 0), raster(data)):
        figure.draw_without_rendering()
        box, paper = figure._suptitle.get_window_extent(), figure.bbox
        assert paper.x0 <= box.x0 < box.x1 <= paper.x1
        top = max(axes.title.get_window_extent().y1 for axes in figure.axes)
        assert box.y0 >= top


def test_names_of_phases_stay_on_narrow_paper():
    spans = [(float(k), k + 0.5, f"a phase of no short name {k}") for k in range(5)]
    figure = Figure(figsize=(3, 4))
    name_phases(figure, [figure.subplots()], spans, 2.5)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert legend.get_window_extent().x0 >= 0
    assert legend.get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize("areas", [3, 5])
def test_the_key_of_a_wiring_stays_on_the_paper(areas):
    net = cn.mlp([20] * areas, "relu", seed=0)
    figure = wiring(cn.circuit(net, cn.rule("brainprop")))
    figure.draw_without_rendering()
    (key,) = figure.legends
    assert key.get_window_extent().x0 >= 0
    assert key.get_window_extent().x1 <= figure.bbox.x1


def test_names_that_matplotlib_would_read_as_formulas_are_drawn_as_they_are(tmp_path):
    data = recording()
    data.attrs["title"] = r"$\nonsense{ and $x_"
    save({"traces": traces(data), "raster": raster(data), "weight": weight_traces(data, "bias")}, tmp_path)
    assert traces(data)._suptitle.get_text() == r"\$\nonsense{ and \$x_"


def test_a_role_has_one_colour_in_all_figures():
    data = recording()
    labels = {t.get_text().split()[1]: t.get_color() for t in raster(data, "error").axes[0].get_yticklabels()}
    assert labels == {"error": COLOURS["error"]}
    rows = [axes.yaxis.label for axes in traces(data, ["value", "error"]).axes if axes.get_ylabel()]
    assert [row.get_color() for row in rows] == [COLOURS["value"], COLOURS["error"]]
    assert COLOURS["value"] == BLUE
