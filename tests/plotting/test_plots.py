"""Figures show what is in the recording: panels, lines, dots, images and arrows, counted and compared."""

import json

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from corticalnet.circuits import Broadcast, Circuit, Population, Projection, Wire
from corticalnet.circuits.cells import Clock, Constant, Error, Prediction, PulseDetector, Sensory, Value
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.errors import ProtocolError
from corticalnet.plotting import figures, raster, save, traces, weight_changes, wiring
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
    assert [a.get_ylabel() for a in panels(figure) if a.get_ylabel()] == ["x", "μ", "ε"]


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


def test_chosen_columns_are_spread_over_the_area():
    figure = traces(recording(), ["error"], columns=4)
    assert list(lines(figure.axes[0])) == ["column 0", "column 4", "column 7", "column 11"]
    assert "4 of 12" in figure.axes[0].get_title()
    assert lines(figure.axes[1]).keys() == {"column 0", "column 1", "column 2"}


def test_a_legend_only_where_lines_are_few():
    input_, area1, output = traces(recording(), ["value"], columns=12).axes
    assert input_.get_legend() is None
    assert area1.get_legend() is None
    assert [text.get_text() for text in output.get_legend().get_texts()] == ["column", "0", "1", "2"]


def test_time_is_shared_and_has_its_unit():
    figure = traces(recording())
    assert {axes.get_xlim() for axes in panels(figure)} == {(0.0, 9.5)}
    assert sum(axes.get_xlabel() == "time (ms)" for axes in panels(figure)) == len(AREAS)


def test_units_are_on_the_axis():
    data = recording()
    data["area1.phi.silent"].attrs["units"] = "mV"
    assert traces(data, ["silent"]).axes[0].get_ylabel() == "silent (mV)"


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


@pytest.mark.parametrize("draw", [lambda d, s: traces(d, [s]), raster])
def test_an_unknown_state_is_named_with_what_there_is(draw):
    with pytest.raises(
        ProtocolError, match=r"'eror'; did you mean 'error'\? .*value, prediction, error, phi"
    ):
        draw(recording(), "eror")


@pytest.mark.parametrize("draw", [traces, raster])
@pytest.mark.parametrize("batch", [-1, 2])
def test_a_trial_that_is_not_there(draw, batch):
    with pytest.raises(ProtocolError, match=f"batch index {batch} .* choose 0 to 1"):
        draw(recording(), batch=batch)


def test_nothing_to_draw_is_refused():
    data = recording()
    with pytest.raises(ProtocolError, match="0 and 8"):
        traces(data, [])
    with pytest.raises(ProtocolError, match="1 and 0"):
        traces(data, ["error"], columns=0)


# Raster -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("batch", [0, 1])
def test_dots_are_exactly_where_phi_is_not_zero(batch):
    data = recording()
    figure = raster(data, batch=batch)
    clouds = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    assert [c.get_label() for c in clouds] == ["area1", "output"]
    first = 0
    for cloud in clouds:
        phi = data[f"{cloud.get_label()}.phi.phi"].isel(batch=batch).values
        expected = {(0.5 * t, first + k) for t, k in np.argwhere(phi == 1)}
        assert {tuple(point) for point in cloud.get_offsets()} == expected
        assert len(cloud.get_offsets()) == len(expected) > 0
        first += phi.shape[1]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["area1\n(12)", "output\n(3)"]
    assert [line.get_ydata()[0] for line in figure.axes[0].get_lines()] == [11.5]
    assert words(figure.axes[0]) == ["present", "teach"]


def test_a_silent_recording_has_no_dots():
    data = recording()
    for area in ("area1", "output"):
        data[f"{area}.phi.phi"][:] = 0
    clouds = [c for c in raster(data).axes[0].collections if isinstance(c, PathCollection)]
    assert sum(len(c.get_offsets()) for c in clouds) == 0


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
