"""The page of a spiking circuit shows its recording: every tick a spike, every line a mean."""

import json

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.collections import PathCollection
from matplotlib.patches import Circle

import corticalnet as cn
from corticalnet.errors import ProtocolError
from corticalnet.plotting import figures, raster, spikes, traces, wiring

STEPS, BATCH, DT = 60, 2, 0.5
#: Population -> cells; two cells for each column.
CELLS = {
    "area1.value.on": 6,
    "area2.error.on": 4,
    "area2.error.off": 4,
    "area2.value.on": 4,
    "dopamine.on": 8,
}
COLUMNS = {"area1": 3, "area2": 2, "dopamine": 1}


def recording(cells=CELLS, phi=True):
    """As engines return it, with random spikes, and random rates of two areas."""
    random = np.random.default_rng(1)
    coordinates = {
        "time": ("time", DT * np.arange(STEPS), {"units": "ms"}),
        "step": ("time", np.arange(STEPS)),
        **{area: (area, np.arange(n)) for area, n in COLUMNS.items()},
    }
    variables = {}
    for name, n in cells.items():
        fired = (random.random((STEPS, BATCH, n)) < 0.1).astype(np.int8)
        about = {"population": name, "area": name.rpartition(".")[0], "state": "spike"}
        variables[f"{name}.spike"] = ("time", "batch", f"{name}:cell"), fired, about
        coordinates |= {
            f"{name}:cell": (f"{name}:cell", np.arange(n)),
            f"{name}:column": (f"{name}:cell", np.arange(n) // 2),
        }
    states = [("area1.value", "rate"), ("area2.value", "rate"), ("dopamine", "rpe")]
    for population, state in [*states, *([("area1.phi", "phi")] if phi else [])]:
        area, _, role = population.rpartition(".")
        area, role = (area, role) if area else (role, "cell")
        numbers = random.normal(size=(STEPS, BATCH, COLUMNS[area]))
        if state == "phi":
            numbers = np.zeros(numbers.shape, dtype=np.int8)
            numbers[[20, 41], 0, 0] = 1
        about = {"units": "1", "population": population, "area": area, "role": role, "state": state}
        variables[f"{population}.{state}"] = ("time", "batch", area), numbers, about
    attrs = {"title": "test", "dt": DT, "events": json.dumps([[0, "present"], [15, "reinforce"]])}
    return xr.Dataset(variables, coordinates, attrs)


def without_spikes(data):
    return data.drop_vars(list(data.filter_by_attrs(state="spike")))


def clouds(axes):
    found = [c for c in axes.collections if isinstance(c, PathCollection)]
    return {c.get_label(): c.get_offsets().data for c in found}


@pytest.mark.parametrize("batch", [0, 1])
def test_every_tick_is_a_spike_and_every_spike_a_tick(batch):
    data = recording()
    drawn = clouds(spikes(data, batch=batch).axes[0])
    assert list(drawn) == [
        "area1.value.on", "area1.phi", "area2.value.on", "area2.error.off", "area2.error.on", "dopamine.on",
    ]  # fmt: skip
    floor = -np.inf
    for name, ticks in drawn.items():
        if name == "area1.phi":
            assert ticks[:, 0].tolist() == ([10.0, 20.5] if batch == 0 else [])
            continue
        fired = data[f"{name}.spike"].isel(batch=batch).values
        rows = ticks[:, 1] - ticks[:, 1].min()
        expected = {(DT * t, k) for t, k in np.argwhere(fired)}
        low = min(k for _, k in expected)
        assert {(t, round(k) + low) for t, k in zip(ticks[:, 0], rows, strict=True)} == expected
        assert len(ticks) == len(expected)
        assert ticks[:, 1].min() > floor  # above what was drawn before
        floor = ticks[:, 1].max()


def test_labels_stand_at_the_middle_of_both_signs():
    axes = spikes(recording()).axes[0]
    words = [word.get_text() for word in axes.get_yticklabels()]
    assert words == ["area1 value (6)", "area1 φ (3)", "area2 value (4)", "area2 error (8)", "dopamine (8)"]
    drawn = clouds(axes)
    error = axes.get_yticks()[words.index("area2 error (8)")]
    assert drawn["area2.error.off"][:, 1].max() < error < drawn["area2.error.on"][:, 1].min()


def test_rates_are_means_of_all_cells_in_a_sliding_window():
    data = recording()
    figure = spikes(data, batch=1, width=4.0)
    lines = {line.get_label(): line for axes in figure.axes[1:4] for line in axes.get_lines()}
    assert lines.keys() == CELLS.keys()
    for name, line in lines.items():
        fired = data[f"{name}.spike"].isel(batch=1).values
        for t in (0, 10, 30, STEPS - 1):
            window = fired[max(0, t - 4) : t + 4]  # 4 ms are 8 steps
            assert line.get_ydata()[t] == pytest.approx(window.mean() / DT * 1000)
    words = [axes.get_ylabel().split("\n")[0] for axes in figure.axes[1:4]]
    assert words == ["dopamine", "area2", "area1"]


def test_at_most_so_many_cells_evenly_chosen():
    data = recording({"area1.value.on": 90, "area1.value.off": 5})
    drawn = clouds(spikes(data, cells=10).axes[0])
    fired = data["area1.value.on.spike"].values[:, 0, np.linspace(0, 89, 10).round().astype(int)]
    assert len(drawn["area1.value.on"]) == fired.sum()
    off = data["area1.value.off.spike"].isel(batch=0)
    assert len(drawn["area1.value.off"]) == int(off.sum())


def test_traces_are_of_the_topmost_area_or_of_a_named_one():
    data = recording()
    figure = spikes(data)
    labels = [axes.get_ylabel() for axes in figure.axes[4:]]
    assert labels == ["area2\nrate", "dopamine\nδ"]
    lines = figure.axes[4].get_lines()[:2]
    np.testing.assert_array_equal([line.get_ydata() for line in lines], data["area2.value.rate"][:, 0].T)
    (named,) = spikes(data, states=["area1.value.rate"], columns=2).axes[4:]
    lines = named.get_lines()[:2]
    np.testing.assert_array_equal(
        [line.get_ydata() for line in lines], data["area1.value.rate"][:, 0, [0, 2]].T
    )


def with_voltages(data, cells=CELLS):
    """Voltages of the spiking cells, as engines record them."""
    random = np.random.default_rng(2)
    for name in cells:
        spiked = data[f"{name}.spike"]
        about = spiked.attrs | {"state": "voltage", "units": "mV", "role": name.rpartition(".")[2]}
        data[f"{name}.voltage"] = spiked.dims, random.normal(size=spiked.shape), about
    return data


def test_voltages_and_spikes_are_chosen_by_the_same_words():
    data = with_voltages(recording())
    chosen = {"area": "area2", "role": "error", "columns": [1], "batch": 1}
    shown = clouds(raster(data, **chosen).axes[0])
    assert list(shown) == ["area2.error.off", "area2.error.on"]
    on = data["area2.error.on.spike"].values[:, 1, 2:]  # two cells tell of each column
    assert len(shown["area2.error.on"]) == on.sum() > 0
    figure = traces(data, "voltage", **chosen)
    labels = [axes.get_ylabel().replace("\n", " ") for axes in figure.axes]
    assert labels == ["error on voltage (mV)", "error off voltage (mV)"]
    drawn = {axes.get_ylabel().split()[1]: axes.get_lines()[1] for axes in figure.axes}
    for side, line in drawn.items():
        assert line.get_label() == "column 1"
        np.testing.assert_array_equal(line.get_ydata(), data[f"area2.error.{side}.voltage"][:, 1, 2])
    page = spikes(data, **chosen)
    assert list(clouds(page.axes[0])) == ["area2.error.off", "area2.error.on"]


def test_of_two_signs_one_can_be_chosen():
    data = with_voltages(recording())
    assert list(clouds(raster(data, role="error.on").axes[0])) == ["area2.error.on"]
    assert len(traces(data, "error.on.voltage").axes) == 1


def test_voltages_of_all_roles_have_a_row_each():
    figure = traces(with_voltages(recording()), "voltage")
    rows = {axes.get_ylabel().replace("\n", " ") for axes in figure.axes if axes.get_visible()} - {""}
    names = ["value voltage", "error on voltage", "error off voltage", "cell voltage"]
    assert rows == {f"{name} (mV)" for name in names}


def test_events_are_spans_in_every_panel():
    figure = spikes(recording())
    for axes in figure.axes:
        assert {c.get_gid() for c in axes.collections} >= {"phase present", "phase reinforce"}
    assert [text.get_text() for text in figure.axes[0].texts] == ["present", "reinforce"]


def test_among_all_figures():
    assert "spikes" in figures(recording())
    assert "spikes" not in figures(without_spikes(recording()))
    spikes_alone = recording().filter_by_attrs(state="spike")
    assert len(figures(spikes_alone)["spikes"].axes) == 1 + 3


def test_spiking_cells_stand_with_the_column_that_they_speak_for():
    """In the wiring: no boxes but those of areas, from the input up, whoever speaks in between."""
    net = cn.mlp([4, 3, 2], "sigmoid", seed=0, dtype=torch.float64)
    rates = cn.circuit(net, cn.rule("brainprop"), dynamics=cn.Continuous(dt=0.5, burst=50))
    made = cn.spiking(cn.spiking(rates, 5), 7, populations=["dopamine"])
    patches = wiring(made).axes[0].patches
    boxes = {p.get_gid(): p for p in patches if (p.get_gid() or "").startswith("area ")}
    names = ["input", "area1", "output", "contest", "world", "dopamine"]
    assert boxes.keys() == {f"area {name}" for name in names}
    assert boxes["area input"].get_y() < boxes["area area1"].get_y() < boxes["area output"].get_y()
    circles = {p.get_gid(): p.center for p in patches if isinstance(p, Circle)}
    within = {
        "area1": ("area1.value.on", "area1.value-current"),
        "output": ("output.feedback.off", "output.feedback-current"),
        "dopamine": ("dopamine.on", "dopamine-current"),
    }
    for area, cell in ((area, cell) for area, cells in within.items() for cell in cells):
        (x, y), box = circles[f"population {cell}"], boxes[f"area {area}"]
        assert box.get_x() < x < box.get_x() + box.get_width()
        assert box.get_y() < y < box.get_y() + box.get_height()


def test_mistakes_are_one_sentence():
    for ask, words in (
        (lambda: spikes(recording(), batch=2), "choose 0 to 1"),
        (lambda: spikes(without_spikes(recording(phi=False))), "no spikes and no φ"),
        (lambda: spikes(recording(), columns=0), "at least 1 column, not 0"),
        (lambda: spikes(recording(), cells=0), "at least 1 cell of each population, not 0"),
        (lambda: spikes(recording(), states=["rats"]), "did you mean 'rate'"),
        (lambda: spikes(recording(), states=["area3.value.rate"]), "area1.value.rate, area2.value.rate"),
    ):
        with pytest.raises(ProtocolError) as caught:
            ask()
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
