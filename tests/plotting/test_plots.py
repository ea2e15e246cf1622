"""Figures show what is in the recording: panels, lines, dots, images and arrows, counted and compared."""

import io
import itertools
import json

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from corticalnet.circuits import Broadcast, Circuit, Population, Projection, Wire
from corticalnet.circuits.cells import Clock, Constant, Error, Prediction, PulseDetector, Sensory, Value
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.errors import ProtocolError
from corticalnet.plotting import figures, raster, save, spikes, traces, weight_changes, weight_traces, wiring
from corticalnet.recordings.reading import weight_change

STEPS, BATCH = 20, 2
AREAS = {"input": 5, "area1": 12, "output": 3}
STATES = ("value", "prediction", "error", "phi", "silent")


def recording(areas=AREAS, states=STATES, weights=True, events=((0, "present"), (4, "teach"))):
    """A recording as engines return it, with random numbers; input cells have a value only."""
    random = np.random.default_rng(3)
    variables, coordinates = {}, {"time": ("time", 0.5 * np.arange(STEPS), {"units": "ms"})}
    for area, cells in areas.items():
        coordinates[area] = area, np.arange(cells)
        for name in states:
            numbers = random.normal(size=(STEPS, BATCH, cells))
            if name == "phi":
                numbers = (numbers > 1.2).astype(np.int8)
            if name == "value" or area != "input":
                role = "phi" if name == "silent" else name
                about = {
                    "units": "1",
                    "population": f"{area}.{role}",
                    "area": area,
                    "role": role,
                    "state": name,
                }
                variables[f"{area}.{role}.{name}"] = ("time", "batch", area), numbers, about
    for name, shape in {"input->area1": (12, 5), "bias": (12,)}.items():
        ends = [f"{name} {end}" for end in (("post", "pre") if len(shape) == 2 else ("weight",))]
        start, path = random.normal(size=shape), np.cumsum(random.normal(size=(STEPS, *shape)), axis=0)
        both = np.stack([start, start + path[-1]])
        variables[f"weights {name}"] = ("when", *ends), both, {"projection": name}
        if weights:
            variables[name] = (("time", *ends), start + path)
    coordinates["when"] = "when", ["before", "after"]
    return xr.Dataset(variables, coordinates, {"title": "test", "events": json.dumps(events)})


def panels(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}


def words(axes):
    return [text.get_text() for text in axes.texts]


def arrows(figure, kind):
    found = [p for p in figure.axes[0].patches if isinstance(p, FancyArrowPatch)]
    return sorted(p.get_gid() for p in found if p.get_gid().startswith(kind))


# Traces -----------------------------------------------------------------------------------------------
def test_traces_have_a_panel_for_each_area_and_state_that_it_has():
    figure = traces(recording())
    assert len(figure.axes) == 3 * 3
    assert len(panels(figure)) == 3 + 2 + 2  # an input has a value, and neither prediction nor error
    assert [axes.get_title().split()[0] for axes in figure.axes[:3]] == ["input", "area1", "output"]
    assert [a.get_ylabel() for a in panels(figure) if a.get_ylabel()] == [
        "value x",
        "prediction μ",
        "error ε",
    ]


def test_lines_are_the_numbers_of_the_recording():
    data = recording()
    figure = traces(data, ["error", "silent"], batch=1, columns=4)
    assert len(panels(figure)) == 2 * 2
    for axes, state, area in zip(
        figure.axes, np.repeat(["error", "silent"], 2), ["area1", "output"] * 2, strict=True
    ):
        (expected,) = data.filter_by_attrs(state=state, area=area).isel(batch=1).values()
        drawn = lines(axes)
        assert len(drawn) == min(4, AREAS[area])
        for label, line in drawn.items():
            np.testing.assert_array_equal(line.get_xdata(), data["time"])
            np.testing.assert_array_equal(line.get_ydata(), expected[:, int(label.split()[1])])


def test_chosen_columns_are_spread_over_the_area_beside_that_which_is_taught():
    data = recording()
    figure = traces(data, ["error"], columns=4)
    drawn = {int(name.split()[1]) for name in lines(figure.axes[0])}
    assert len(drawn) == 4
    assert len(drawn & {0, 4, 7, 11}) >= 3
    assert "4 of 12" in figure.axes[0].get_title()
    assert lines(figure.axes[1]).keys() == {"column 0", "column 1", "column 2"}


def test_every_line_is_told_by_its_colour_and_a_legend_or_a_colour_bar_says_which():
    figure = traces(recording(), ["value", "error"], columns=8)
    lowest = {"input": figure.axes[0], "area1": figure.axes[4], "output": figure.axes[5]}
    for area, axes in lowest.items():
        drawn = {label.split()[1]: line.get_color() for label, line in lines(axes).items()}
        assert len(set(drawn.values())) == len(drawn) == min(8, AREAS[area])
        legend = axes.get_legend()
        assert legend.get_title().get_text() == "column"
        assert [text.get_text() for text in legend.get_texts()] == list(drawn)
        assert [line.get_color() for line in legend.get_lines()] == list(drawn.values())
    (many,) = panels(traces(recording(), "error", area="area1", columns=12))
    assert many.get_legend() is None
    hues = [to_rgba(line.get_color()) for line in lines(many).values()]
    (bar,) = many.child_axes
    assert bar.get_xlabel() == "column"
    assert [t.get_text() for t in bar.get_xticklabels()] == ["0", "6", "11"]
    painted = next(c for c in bar.collections if c.get_array() is not None and len(c.get_array()) == 12)
    np.testing.assert_allclose(painted.to_rgba(painted.get_array().ravel()), hues)
    assert len(set(hues)) == 12


def test_time_is_shared_and_has_its_unit():
    figure = traces(recording())
    assert {axes.get_xlim() for axes in panels(figure)} == {(0.0, 9.5)}
    assert sum(axes.get_xlabel() == "time (ms)" for axes in panels(figure)) == len(AREAS)


def test_units_are_on_the_axis_also_where_areas_differ():
    data = recording()
    data["area1.phi.silent"].attrs["units"] = "mV"
    labels = [axes.get_ylabel() for axes in traces(data, ["silent"]).axes]
    assert labels == ["silent (mV)", "silent"]


def test_quantities_have_axes_and_scales_of_their_own():
    """A value of thousands does not flatten an error of thousandths beside or below it."""
    data = recording()
    data["area1.value.value"] *= 1e3
    data["area1.error.error"] /= 1e3
    figure = traces(data, ["value", "error"], area="area1")
    value, error = figure.axes
    assert np.diff(value.get_ylim()) > 1e3
    assert np.diff(error.get_ylim()) < 1e-1


def test_phases_are_marked_and_named():
    figure = traces(recording())
    for axes in panels(figure):
        onsets = [c for c in axes.collections if isinstance(c, LineCollection)]
        assert [segment[0, 0] for c in onsets for segment in c.get_segments()] == [4.0]
    assert words(figure.axes[0]) == ["present", "teach"]


def test_many_phases_are_named_once_for_the_figure():
    events = [(0.5 * k, ("present", "teach")[k % 2]) for k in range(12)]
    figure = traces(recording(events=events))
    assert words(figure.axes[0]) == []
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["present", "teach"]


def test_phases_before_the_recorded_time_are_left_out():
    data = recording().isel(time=slice(10, None))
    figure = traces(data)
    assert words(figure.axes[0]) == ["teach"]
    assert figure.axes[0].get_xlim() == (5.0, 9.5)


def test_one_step_and_no_events_can_be_drawn():
    assert len(panels(traces(recording().isel(time=[0])))) == 7
    data = recording()
    del data.attrs["events"]
    assert len(panels(traces(data))) == 7


def test_without_usual_states_all_are_drawn():
    assert len(traces(recording(states=("phi", "silent"))).axes) == 2 * 2


# What is chosen, by the same words in all figures ---------------------------------------------------------
@pytest.mark.parametrize("draw", [traces, raster])
def test_an_area_a_role_and_columns_are_chosen_by_the_same_words(draw):
    data = recording()
    figure = draw(data, "error", area=["output", "area1"], role="error", columns=[2, 4], batch=1)
    if draw is traces:
        drawn = {
            axes.get_title().split()[0]: [int(label.split()[1]) for label in lines(axes)]
            for axes in panels(figure)
        }
        assert drawn == {"area1": [2, 4], "output": [2]}
    else:
        shown = {c.get_label(): len(c.get_offsets()) for c in ticks(figure)}
        assert shown == {"area1.error": 2 * STEPS, "output.error": STEPS}


MISTAKES = {
    "eror": ({"states": "eror"}, r"'eror'; did you mean 'error'\? .*value, prediction, error, phi"),
    "area": ({"area": "areal"}, "unknown area 'areal'; did you mean 'area1'.*input, area1, output"),
    "role": ({"role": "valve"}, "unknown role 'valve'; did you mean 'value'.*prediction, error"),
    "neither": (
        {"states": "error", "area": "input"},
        "no 'error' was recorded of area 'input'; .*area1.error.error, output.error.error are there",
    ),
    "column": ({"columns": [3, 40]}, "column 40 is not .*'area1' has 0 to 11"),
    "no column": ({"columns": 0}, "at least 1 column, not 0"),
    "half a column": ({"columns": 1.5}, "columns must be a whole number, not 1.5"),
    "below": ({"batch": -1}, "batch index -1 .* choose 0 to 1"),
    "above": ({"batch": 2}, "batch index 2 .* choose 0 to 1"),
    "a word": ({"batch": "first"}, "batch must be a whole number, not 'first'"),
}


@pytest.mark.parametrize("draw", [traces, raster, spikes])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_not_there_is_refused_in_one_sentence_with_the_choices(draw, mistake):
    asked, answer = MISTAKES[mistake]
    answer = "no spikes and no φ were recorded of area" if (draw, mistake) == (spikes, "neither") else answer
    with pytest.raises(ProtocolError, match=answer) as caught:
        draw(recording(), **asked)
    assert "\n" not in str(caught.value)


def test_nothing_to_draw_is_refused():
    with pytest.raises(ProtocolError, match="at least 1 state"):
        traces(recording(), [])
    with pytest.raises(ProtocolError, match="no spikes and no φ were recorded; simulate with"):
        raster(recording(states=["value"]))


# Raster -----------------------------------------------------------------------------------------------
def ticks(figure):
    return [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]


@pytest.mark.parametrize("batch", [0, 1])
def test_ticks_are_exactly_where_phi_is_not_zero(batch):
    data = recording()
    figure = raster(data, batch=batch)
    assert [c.get_label() for c in ticks(figure)] == ["area1.phi", "output.phi"]
    top = -1.0
    for cloud in ticks(figure):
        phi = data[f"{cloud.get_label()}.phi"].isel(batch=batch).values
        points = cloud.get_offsets().data
        rows = points[:, 1] - points[:, 1].min() + np.argwhere(phi)[:, 1].min()
        found = set(zip(points[:, 0].tolist(), rows.round().tolist(), strict=True))
        assert found == {(0.5 * t, k) for t, k in np.argwhere(phi == 1)}
        assert len(points) == phi.sum() > 0
        assert points[:, 1].min() > top
        top = points[:, 1].max()
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["area1 φ (12)", "output φ (3)"]
    assert words(figure.axes[0]) == ["present", "teach"]


def test_names_of_small_areas_beside_large_ones_do_not_overlap():
    areas = {"input": 5, **{f"area{k}": n for k, n in enumerate((256, 3, 2, 256, 3), start=1)}}
    figure = raster(recording(areas, weights=False))
    figure.savefig(io.BytesIO(), format="png", dpi=100)
    boxes = [t.get_window_extent() for t in figure.axes[0].get_yticklabels()]
    assert len(boxes) == 5
    assert all(low.y1 <= high.y0 for low, high in itertools.pairwise(boxes))


def test_a_silent_recording_has_no_ticks():
    data = recording()
    for area in ("area1", "output"):
        data[f"{area}.phi.phi"][:] = 0
    assert sum(len(c.get_offsets()) for c in ticks(raster(data))) == 0


# Weights ----------------------------------------------------------------------------------------------
def test_weight_changes_are_after_minus_before():
    data = recording()
    distance, matrix, bias, bar = weight_changes(data).axes
    change = weight_change(data, "input->area1")
    picture = matrix.get_images()[0]
    np.testing.assert_array_equal(picture.get_array(), change)
    assert picture.get_clim() == (-np.abs(change).max(), np.abs(change).max())
    assert bar.get_title() == "ΔW"
    np.testing.assert_array_equal(lines(distance)["bias"].get_xdata(), data["time"])
    stem = next(line for line in bias.get_lines() if len(line.get_ydata()) == 12)
    np.testing.assert_array_equal(stem.get_ydata(), weight_change(data, "bias"))
    for name, line in lines(distance).items():
        for t in range(STEPS):
            norm = np.linalg.norm(data[name][t].values - data[f"weights {name}"].values[0])
            assert line.get_ydata()[t] == pytest.approx(norm)


def test_weights_that_were_not_recorded_over_time_have_no_distance():
    titles = [axes.get_title() for axes in weight_changes(recording(weights=False)).axes]
    assert titles == ["input->area1", "bias", "ΔW"]


def test_weights_that_did_not_change_are_drawn():
    data = recording()
    data["weights input->area1"][1] = data["weights input->area1"][0]
    assert weight_changes(data).axes[1].get_images()[0].get_clim() == (-1, 1)


def test_without_plastic_projections_there_is_nothing_to_draw():
    data = recording()
    with pytest.raises(ProtocolError, match="no projection of 'test' is plastic"):
        weight_changes(data[["area1.value.value"]])


def test_changes_of_one_projection_among_several():
    assert [a.get_title() for a in weight_changes(recording(), "bias").axes] == ["", "bias"]
    with pytest.raises(ProtocolError, match="unknown plastic projection 'bais'; did you mean 'bias'"):
        weight_changes(recording(), ["bais"])


# One weight -------------------------------------------------------------------------------------------
def stepwise():
    """A recording in which weight [post 2, pre 1] changes by +0.5 at step 4 and −0.2 at step 9, no other."""
    data = recording()
    start = data["weights input->area1"].values[0]
    path = np.repeat(start[None], STEPS, axis=0)
    path[4:, 2, 1] += 0.5
    path[9:, 2, 1] -= 0.2
    data["input->area1"] = data["input->area1"].dims, path
    data["weights input->area1"].values[1] = path[-1]
    return data, start


def test_a_weight_over_time_its_changes_and_their_moments():
    data, start = stepwise()
    top, below = weight_traces(data, "input->area1", post=2, pre=1).axes
    (line,) = lines(top).values()
    assert line.get_label() == "post 2, pre 1"
    np.testing.assert_array_equal(line.get_xdata(), data["time"])
    expected = start[2, 1] + np.array([0.0] * 4 + [0.5] * 5 + [0.3] * 11)
    np.testing.assert_allclose(line.get_ydata(), expected)
    (dots,) = lines(below).values()
    np.testing.assert_allclose(dots.get_xydata(), [[2.0, 0.5], [4.5, -0.2]])
    for axes in (top, below):
        moments = [x.get_xdata()[0] for x in axes.get_lines() if list(x.get_ydata()) == [0, 1]]
        assert moments == [2.0, 4.5]
    assert words(below) == ["+0.5", "-0.2"]
    assert (top.get_ylabel(), below.get_ylabel(), below.get_xlabel()) == ("weight w", "Δw", "time (ms)")


def test_a_change_in_the_first_step_is_told_from_the_weight_before():
    data = recording()
    data["input->area1"][:] = data["weights input->area1"].values[0] + 1.0
    below = weight_traces(data, "input->area1", 0, 0).axes[1]
    np.testing.assert_allclose(next(iter(lines(below).values())).get_xydata(), [[0.0, 1.0]])


def test_every_pair_of_cells_is_a_line_of_its_own_colour():
    top = weight_traces(recording(), "input->area1", post=[0, 3], pre=[1, 4]).axes[0]
    assert list(lines(top)) == ["post 0, pre 1", "post 0, pre 4", "post 3, pre 1", "post 3, pre 4"]
    assert len({line.get_color() for line in lines(top).values()}) == 4


def test_those_that_changed_most_if_none_are_named():
    data, _ = stepwise()
    assert "post 2, pre 1" in lines(weight_traces(data, "input->area1").axes[0])
    assert "post 2, pre 1" in lines(weight_traces(data, "input->area1", pre=1).axes[0])
    assert list(lines(weight_traces(data, "bias", 7).axes[0])) == ["weight 7"]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (("input->areal",), "unknown plastic projection 'input->areal'; did you mean 'input->area1'"),
        (("input->area1", 12), "post 12 is not among the 12 of 'input->area1'; choose 0 to 11"),
        (("input->area1", 0, -1), "pre -1 is not among the 5 .* choose 0 to 4"),
        (("input->area1", 0.5), "post must be a whole number, not 0.5"),
        (("input->area1", range(12), range(5)), "60 weights .* choose 1 to 8"),
        (("input->area1", [], []), "0 weights .* choose 1 to 8"),
        (("bias", 0, 0), "'bias' stand in a line; choose them by post alone"),
    ],
)
def test_a_weight_that_is_not_there(asked, answer):
    with pytest.raises(ProtocolError, match=answer):
        weight_traces(recording(), *asked)


def test_weights_that_were_not_recorded_over_time_cannot_be_traced():
    with pytest.raises(ProtocolError, match=r"not recorded over time; simulate with record=\['bias'"):
        weight_traces(recording(weights=False), "bias")


# Wiring -----------------------------------------------------------------------------------------------
def columns(depth):
    """Areas of four populations, one above the other; a clock for the topmost projection."""
    populations, projections, wires = [Population("input.value", 4, Sensory())], [], []
    below = "input"
    for k in range(1, depth):
        area = f"area{k}"
        kinds = {"value": Value(), "prediction": Prediction(), "error": Error(), "phi": PulseDetector()}
        populations += [Population(f"{area}.{role}", 3, cell) for role, cell in kinds.items()]
        wires += [
            Wire(f"{area}.value", f"{area}.error", "change", sends="change"),
            Wire(f"{area}.prediction", f"{area}.error", "change", sends="shift", weight=-1),
            Wire(f"{area}.error", f"{area}.phi", "error"),
        ]
        ends = f"{below}.value", f"{area}.prediction"
        projections.append(
            Projection(*ends, "prediction", 0.1, name=f"{below}->{area}", plasticity=ErrorTimesRate())
        )
        if k > 1:
            back = f"{area}.error", f"{below}.value"
            projections.append(Projection(*back, "feedback", shared_with=f"{below}->{area}", name=f"back{k}"))
        below = area
    populations.append(Population("clock", 1, Clock()))
    broadcasts = [Broadcast("clock", [projections[0].name, "area1.value"], port="prediction_phase")]
    return Circuit(populations, projections, wires, broadcasts, name="columns")


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_everything_of_a_circuit_is_drawn_once(depth):
    circuit = columns(depth)
    figure = wiring(circuit)
    assert arrows(figure, "projection") == sorted(f"projection {p.name}" for p in circuit.projections)
    assert arrows(figure, "wire") == sorted(f"wire {w.name}" for w in circuit.wires)
    assert arrows(figure, "broadcast") == ["broadcast clock area1.value", "broadcast clock input->area1"]
    circles = [p.get_gid() for p in figure.axes[0].patches if isinstance(p, Circle)]
    assert circles == [f"population {p.name}" for p in circuit.populations]
    assert words(figure.axes[0]).count("Δ") == len(circuit.plastic)


def test_areas_stand_from_input_to_output_whatever_their_order():
    circuit = columns(4)
    turned = Circuit(circuit.populations[::-1], circuit.projections, circuit.wires, circuit.broadcasts)
    for drawn in (circuit, turned):
        boxes = {
            p.get_gid(): p for p in wiring(drawn).axes[0].patches if (p.get_gid() or "").startswith("area ")
        }
        bottoms = [boxes[f"area {area}"].get_y() for area in ("input", "area1", "area2", "area3")]
        assert bottoms == sorted(bottoms)
        assert len(set(bottoms)) == 4
        assert boxes["area clock"].get_x() < min(b.get_x() for n, b in boxes.items() if n != "area clock")


def test_lines_tell_what_they_carry():
    figure = wiring(columns(3))
    style = {p.get_gid(): p for p in figure.axes[0].patches if isinstance(p, FancyArrowPatch)}
    learns, back = style["projection input->area1"], style["projection back2"]
    assert (learns.get_linestyle(), back.get_linestyle()) == ("-", "--")
    assert style["broadcast clock area1.value"].get_linestyle() == ":"
    assert (
        learns.get_linewidth() > back.get_linewidth() > style["wire area1.value-area1.error"].get_linewidth()
    )


def test_a_circuit_by_hand_without_areas():
    populations = [
        Population("drive", 4, Prediction()),
        Population("sensors", 6, Sensory()),
        Population("bias", 1, Constant()),
    ]
    projections = [
        Projection("sensors", "drive", "prediction", 0.1),
        Projection("bias", "drive", "prediction", 0.1),
        Projection("sensors", "drive", "prediction", 0.1, name="again"),
        Projection("drive", "drive", "phi", 0.1, name="round"),
    ]
    figure = wiring(Circuit(populations, projections, name="by hand"))
    assert len(arrows(figure, "projection")) == 4
    assert {"μ", "x", "Constant", "drive\n4", "sensors\n6", "bias\n1"} <= set(words(figure.axes[0]))
    twice = [
        p for p in figure.axes[0].patches if p.get_gid() in ("projection sensors->drive", "projection again")
    ]
    one, other = (p.get_path().vertices for p in twice)
    assert not np.allclose(one[len(one) // 2], other[len(other) // 2], atol=0.05)  # not on top of each other
    alone = wiring(Circuit([Population("sensors", 6, Sensory())]))
    assert arrows(alone, "") == []


def test_a_cell_that_feeds_all_areas_stands_aside():
    circuit = columns(3)
    biases = [Projection("bias", f"{area}.prediction", "prediction", 0.1) for area in ("area1", "area2")]
    populations = [*circuit.populations, Population("bias", 1, Constant())]
    figure = wiring(Circuit(populations, [*circuit.projections, *biases], name="biased"))
    left = {p.get_gid(): p.get_x() for p in figure.axes[0].patches if (p.get_gid() or "").startswith("area ")}
    assert left["area bias"] < min(left["area input"], left["area area1"], left["area area2"])


# All --------------------------------------------------------------------------------------------------
def test_figures_are_those_that_make_sense():
    assert list(figures(recording(), columns(3))) == ["wiring", "traces", "raster", "weights"]
    assert list(figures(recording(states=("value",)))) == ["traces", "weights"]
    assert list(figures(recording()[["area1.error.error", "output.phi.phi"]])) == ["traces", "raster"]
    assert figures(recording()[["bias"]]) == {}


def test_save_writes_each_figure(tmp_path):
    drawn = figures(recording(), columns(3))
    paths = save(drawn, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [f"{name}.png" for name in drawn]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert all(isinstance(figure, Figure) for figure in drawn.values())
