"""Calcium imaging of a recording: what a microscope sees of cells whose spikes or rates were recorded.

    F(t) = amplitude · Σ k(t − t_spike) + noise          k(t) = (e^(−t/decay) − e^(−t/rise)) / its maximum

A number of a recording is taken as that many spikes at its time: counts as they are, a rate as what it fires
until the next number, at ``max_rate`` for a rate of 1. Fluorescence is linear in spikes: no saturation and
no threshold.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from corticalnet.checks import not_negative, positive, whole
from corticalnet.circuits.quantities import KHZ, MS, POSITIVE, quantity
from corticalnet.errors import ProtocolError, one_of
from corticalnet.recordings.reading import summed
from corticalnet.seeds import seed_of


def calcium(
    data: xr.Dataset,
    variable: str,
    *,
    rise: float | str = "20 ms",
    decay: float | str = "200 ms",
    amplitude: float = 0.2,
    max_rate: float | str = "100 Hz",
    frame: float | str | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> xr.DataArray:
    """Compute the fluorescence ΔF/F of recorded cells.

    Args:
        data: a recording, equally spaced in time.
        variable: recorded state by name: spikes ("area1.value.on.spike") or a rate ("area1.value.rate").
        rise, decay: time constants of the indicator; as they stand here, about those of a fast one.
        amplitude: ΔF/F at the peak after a single spike.
        max_rate: what a rate of 1 fires (not used for spikes).
        frame: of the microscope: means over so long, each at the time at which it begins; none if not given.
        noise: standard deviation of what each number (or frame) has on top, normal and independent.
        seed: of the noise.

    Returns:
        ``[time, batch, cell]``, with the coordinates of the variable.

    Raises:
        ProtocolError: there is no such variable, or too little of it, or a number that is impossible.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2], "tanh"), cn.rule("z-il"))
    >>> data = cn.simulate(columns, [cn.Present([[0.0, 1.0]], ms=60)], record="area1.value.rate")
    >>> calcium(data, "area1.value.rate", frame="30 ms").sizes["time"]
    2
    """
    one_of("recorded variable", variable, [str(name) for name in data.data_vars], ProtocolError)
    array, what = data[variable], f"calcium of '{variable}'"
    times = array["time"].values if "time" in array.dims else np.zeros(0)
    steps = np.diff(times)
    if len(times) < 2 or not np.allclose(steps, steps[0]):
        raise ProtocolError(f"{what}: a recording of at least two times, equally spaced, is needed")
    taus = {}
    for name, value in (("rise", rise), ("decay", decay)):
        taus[name] = quantity(value, MS, f"{what}: {name}")
        POSITIVE.check(taus[name], MS, f"{what}: {name}")
    if taus["rise"] >= taus["decay"]:
        raise ProtocolError(
            f"{what}: rise must be shorter than decay, not {taus['rise']:g} ≥ {taus['decay']:g} ms"
        )
    step = float(steps[0])
    spikes = array.values.astype(np.float64)
    if not summed(array) and array.attrs.get("state") != "spike":
        rate = quantity(max_rate, KHZ, f"{what}: max_rate")
        POSITIVE.check(rate, KHZ, f"{what}: max_rate")
        spikes = spikes * rate * step
    from scipy.signal import lfilter  # (brings all of scipy.stats along)

    axis = array.get_axis_num("time")
    slow, fast = (
        lfilter([1.0], [1.0, -np.exp(-step / taus[name])], spikes, axis) for name in ("decay", "rise")
    )
    seen = positive(f"{what}: amplitude", amplitude, ProtocolError) * (slow - fast) / peak(**taus)
    found = array.copy(data=seen)
    found.attrs = {"long_name": f"ΔF/F of {variable}", "units": "1"}
    if frame is not None:
        found = _frames(found, quantity(frame, MS, f"{what}: frame"), step, what)
    deviation = not_negative(f"{what}: noise", noise, ProtocolError)
    rng = np.random.default_rng(
        seed_of(whole(f"{what}: seed", seed, ProtocolError, least=0), variable, size=8)
    )
    return found + deviation * rng.standard_normal(found.shape) if deviation else found


def peak(rise: float, decay: float) -> float:
    """Return the maximum of e^(−t/decay) − e^(−t/rise)."""
    at = np.log(decay / rise) / (1 / rise - 1 / decay)
    return float(np.exp(-at / decay) - np.exp(-at / rise))


def _frames(array: xr.DataArray, frame: float, step: float, what: str) -> xr.DataArray:
    """Return means over frames; what is left at the end is no frame."""
    each = round(frame / step) if np.isfinite(frame) else 0
    if each < 1 or not np.isclose(each * step, frame):
        raise ProtocolError(f"{what}: a frame lasts whole steps of {step:g} ms, not {frame:g} ms")
    if each > array.sizes["time"]:
        raise ProtocolError(f"{what}: a frame of {frame:g} ms is longer than the recording")
    return array.coarsen(time=each, boundary="trim", coord_func={"time": "min"}).mean(keep_attrs=True)
