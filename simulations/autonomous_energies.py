"""Can φ replace the phase signal of equilibrium propagation and contrastive Hebbian learning?

    python -m simulations.autonomous_energies              3 seeds, 10 min of a core
    python -m simulations.autonomous_energies --quick      one seed, a corner of each grid, some seconds

Digits, 64-32-32-10, sigmoid: a stimulus for a random time, a teacher for a random time, the next stimulus.
φ of each area (or column) watches how far drives and feedback move, and is told nothing
(corticalnet/rules/equilibrium/detected_phases.py). Its update is what synapses have noted when the teacher
goes. Somebody who is told when the teacher comes and goes takes the same difference of products ("told").
Both are compared with the rule's on the network, which knows no noise and lets both phases rest.

    size      of the nudge in each area, as φ sees it when it comes: β κ^d, d links below the output
    noise     Gaussian, on every drive in every step; the best of four thresholds for each size
    timing    both times are uniform in 1 … 2 T − 1: how many updates are right (within 1 %), missed, wrong
    digits    accuracy of circuits that learn, weights changing throughout; plain steps, batches of 32

Expected: without noise and with time enough φ's update is the told one. A nudge falls by a factor in each
area, so noise and thresholds hide it from the lowest first.

Next: corticalnet/columns/detected_phases.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.experiment.noise import Noise
from corticalnet.network.initialisation import glorot

from .parts import digits
from .parts.autonomous_energies_shown import draw, report
from .parts.common import simulation

SIZES = (64, 32, 32, 10)
RULES = {"CHL": ("contrastive-hebbian", 0.2), "EP": ("equilibrium-propagation", 0.5)}
#: So small that weights stay as they are.
STILL = 1e-9
FEEDBACKS, BETAS = (0.1, 0.2, 0.5), (0.1, 0.5)
#: Thresholds are in s.d. of the noise: the sum over 32 columns moves by 36 of them, give or take 5.
NOISES, THRESHOLDS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), (40.0, 50.0, 60.0, 80.0)
TIMES = (4, 8, 12, 20, 40)
SETTLED = 60


@dataclass(frozen=True)
class Learning:
    """One way to learn digits: rule, φ (None: told), noise on drives, times uniform in these."""

    rule: str
    phases: cn.DetectedPhases | None = None
    noise: float = 0.0
    times: tuple[int, int] = (16, 27)


LEARNS = {
    "CHL, told": Learning("CHL"),
    "CHL, φ": Learning("CHL", cn.DetectedPhases(threshold=1e-3)),
    "CHL, φ for each column": Learning("CHL", cn.DetectedPhases(threshold=3e-5, pooled=False)),
    "CHL, told, noise 0.001": Learning("CHL", None, 1e-3),
    "CHL, φ, noise 0.001": Learning("CHL", cn.DetectedPhases(threshold=0.06), 1e-3),
    "CHL, told, noise 0.01": Learning("CHL", None, 1e-2),
    "CHL, φ, noise 0.01": Learning("CHL", cn.DetectedPhases(threshold=0.6), 1e-2),
    "CHL, told, short times": Learning("CHL", None, 0.0, (1, 42)),
    "CHL, φ, short times": Learning("CHL", cn.DetectedPhases(threshold=1e-3), 0.0, (1, 42)),
    "EP, told": Learning("EP"),
    "EP, φ": Learning("EP", cn.DetectedPhases(threshold=1e-3)),
}
QUICK = ("CHL, told", "CHL, φ")
RATES, BATCH, EPOCHS = {"CHL": 2.0, "EP": 4.0}, 32, 8


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, a corner of each grid.")] = False,
    seeds: Annotated[int, typer.Option(help="Networks of each kind.")] = 3,
) -> dict:
    """Sizes, noise and timing of single updates; accuracy of what learns from them."""
    seeds = 1 if quick else seeds
    learned, tested = digits.images()
    x, y = learned[0].double(), learned[1]
    kinds = ["CHL"] if quick else list(RULES)
    noises, thresholds, times = (
        (NOISES[1:2], THRESHOLDS[2:3], (4, 40)) if quick else (NOISES, THRESHOLDS, TIMES)
    )
    found: dict[str, Any] = {"size": {}, "noise": {}, "timing": {}, "digits": {}}
    for kappa, seed in itertools.product(FEEDBACKS[1:2] if quick else FEEDBACKS, range(seeds)):
        found["size"].setdefault(f"CHL, κ = {kappa:g}", []).append(sizes("CHL", seed, x, y, feedback=kappa))
    for beta, seed in itertools.product(() if quick else BETAS, range(seeds)):
        row = found["size"].setdefault(f"EP, κ = 0.5, β = {beta:g}", [])
        row.append(sizes("EP", seed, x, y, feedback=0.5, beta=beta))
    cells = list(itertools.product(kinds, noises, thresholds, range(seeds)))
    for kind, sd, threshold, seed in track(cells, "noise", transient=True):
        phases = cn.DetectedPhases(threshold=threshold * sd)
        one = updates(kind, phases, lambda rng: SETTLED, seed, x, y, sd)
        at = found["noise"].setdefault(kind, {}).setdefault(f"{sd:g}", {}).setdefault(f"{threshold:g}", [])
        at.append({key: one[key] for key in ("φ", "told", "missed", "false")})
    cells = list(itertools.product(kinds, (True, False), times, range(seeds)))
    for kind, pooled, mean, seed in track(cells, "timing", transient=True):
        phases = cn.DetectedPhases(threshold=1e-3 if pooled else 3e-5, pooled=pooled)
        trials = 3 if quick else 8
        one = updates(kind, phases, lambda rng, m=mean: int(rng.integers(1, 2 * m)), seed, x, y, 0.0, trials)
        who = f"{kind}, φ of {'the area' if pooled else 'each column'}"
        at = found["timing"].setdefault(who, {}).setdefault(str(mean), [])
        at.append({key: one[key] for key in ("right", "missed", "wrong", "false", "told right")})
    runs = list(itertools.product(QUICK if quick else LEARNS, range(seeds)))
    for name, seed in track(runs, "digits", transient=True):
        some = (x[:64], y[:64]) if quick else (x, y)
        one = learn(LEARNS[name], seed, some, tested, 1 if quick else EPOCHS)
        found["digits"].setdefault(name, []).append(one)
    return found


def network(seed: int, sizes: tuple[int, ...] = SIZES) -> cn.Network:
    """Sigmoid columns with biases, float64."""
    areas = [cn.Area(cn.Dense(n, bias=True, init=glorot(1.0)), "sigmoid") for n in sizes[1:]]
    return cn.Network(sizes[:1], areas, seed, dtype=torch.float64)


def rule_of(kind: str, phases: cn.DetectedPhases | None, **parameters: Any) -> Any:
    """The rule, told its phases or not; φ's nudges are compared when they rest."""
    name, kappa = RULES[kind]
    return cn.rule(name, **{"steps": 14, "feedback": kappa, "phases": phases or "told", **parameters})


def above_input(net: cn.Network) -> list[str]:
    """Names of areas, from below."""
    return [link.name.split("->")[1] for link in net.links]


def sizes(kind: str, seed: int, x: torch.Tensor, y: torch.Tensor, **parameters: Any) -> list[float]:
    """How far an area's feedback moves in sum when a nudge comes: the median of 40 images, from below."""
    net = network(seed, (64, 32, 32, 32, 32, 10))
    columns = cn.circuit(net, rule_of(kind, cn.DetectedPhases(threshold=1e-12), **parameters), STILL)
    protocol = [cn.Present(x[:40], 80), cn.Teach(y[:40], 9)]
    data = cn.simulate(columns, protocol, record=["above"], check=False)
    found = []
    for area in above_input(net):
        moved = data[f"{area}.value.above"].values[80:].sum(2)
        first = (moved > 1e-13).argmax(0)  # the step in which the nudge gets here
        found.append(float(np.median(moved[first, np.arange(len(first))])))
    return found


def updates(
    kind: str,
    phases: cn.DetectedPhases,
    lasts: Callable[[np.random.Generator], int],
    seed: int,
    x: torch.Tensor,
    y: torch.Tensor,
    noise: float = 0.0,
    trials: int = 3,
    samples: int = 20,
) -> dict[str, list[float]]:
    """What synapses have noted when the teacher goes, in a stream: means over trials and images, by area.

    "φ" and "told" are cosines to the rule's update; the rest are shares. An update is missed if nothing was
    noted, and false if it was noted while no teacher was there.
    """
    net, rng = network(seed), np.random.default_rng(seed)
    rule = rule_of(kind, phases)
    running = cn.simulator(cn.circuit(net, rule, STILL), seed=seed)
    areas = above_input(net)
    disturbed = [Noise(f"{area}.value", "drive", sd=noise) for area in areas] if noise else []
    beta, rows = getattr(rule, "beta", 1.0), []

    def run(*protocol: Any) -> Any:
        return running.run(list(protocol), ["rested"], noise=disturbed, check=False)

    def products(images: torch.Tensor) -> list[np.ndarray]:
        rates = [images.numpy(), *(running.read(f"{area}.value.rate") for area in areas)]
        sent = [running.read(f"{area}.value.sent") for area in areas]
        return [post[:, :, None] * pre[:, None] for post, pre in zip(sent, rates, strict=False)]

    for k in range(trials):
        images, labels = (part[k * samples : (k + 1) * samples] for part in (x, y))
        shown = run(cn.Present(images, lasts(rng)))
        free = products(images)
        run(cn.Teach(labels, lasts(rng)))
        told = [(now - then) / beta for now, then in zip(products(images), free, strict=True)]
        noted = [running.read(f"{link.name}.trace") / STILL for link in net.links]
        wanted: list[list[np.ndarray]] = [[] for _ in areas]
        for one in range(samples):
            rule.learn(net, images[one : one + 1], labels[one : one + 1])
            for link, own in zip(net.links, wanted, strict=True):
                own.append(-link.weight.grad.numpy().copy())
        early = [shown[f"{area}.phi.rested"].values.any((0, 2)).mean() for area in areas]
        rows.append(
            [_compared(*parts) for parts in zip(noted, told, map(np.stack, wanted), early, strict=True)]
        )
    return {
        key: [float(np.mean([row[a][key] for row in rows])) for a in range(len(areas))] for key in rows[0][0]
    }


def _compared(noted: np.ndarray, told: np.ndarray, wanted: np.ndarray, early: float) -> dict[str, float]:
    """Compare the updates of one link, sample by sample."""
    noted, told, wanted = (each.reshape(len(wanted), -1) for each in (noted, told, wanted))
    size = np.linalg.norm(wanted, axis=1)

    def right(found: np.ndarray) -> np.ndarray:
        return np.linalg.norm(found - wanted, axis=1) < 0.01 * size

    def cosine(found: np.ndarray) -> float:
        length = np.linalg.norm(found, axis=1) * size
        return float(np.mean((found * wanted).sum(1) / np.where(length > 0, length, 1)))

    missed = ~noted.any(1)
    shares = {
        "missed": missed,
        "right": right(noted),
        "wrong": ~missed & ~right(noted),
        "told right": right(told),
    }
    found = {name: float(share.mean()) for name, share in shares.items()}
    return {**found, "φ": cosine(noted), "told": cosine(told), "false": float(early)}


def learn(way: Learning, seed: int, learned: digits.Batch, tested: digits.Batch, epochs: int) -> list[float]:
    """Test accuracy after every epoch: what the free equilibrium answers, by the circuit's weights."""
    net, rule = network(seed), rule_of(way.rule, way.phases)
    columns = cn.circuit(net, rule, RATES[way.rule])
    running = cn.simulator(columns, seed=seed, batch=BATCH)
    rng, order = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    noise = [Noise(f"{area}.value", "drive", sd=way.noise) for area in above_input(net)] if way.noise else []
    right, (x, y) = [], learned
    for _ in range(epochs):
        shuffled = torch.randperm(len(x), generator=order)
        for some in shuffled[: len(x) // BATCH * BATCH].split(BATCH):
            shown, taught = (int(n) for n in rng.integers(*way.times, size=2, endpoint=True))
            trial = [cn.Present(x[some], shown), cn.Teach(y[some], taught)]
            running.run(trial, ["input.value.rate"], last=1, noise=noise, check=False)
        cn.write_back(columns.with_weights(running.weights), net)
        right.append(float((rule.predict(net, tested[0].double()) == tested[1]).double().mean()))
    return right


if __name__ == "__main__":
    simulation(run, report, draw)
