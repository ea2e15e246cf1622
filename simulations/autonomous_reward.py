"""Do columns with φ learn from reward in a stream of unknown timing, exactly as BrainProp does?

    python -m simulations.autonomous_reward          5 seeds, 30 trials each, then 1,000 trials; 3 min
    python -m simulations.autonomous_reward --quick  one seed, short, about 10 s

Reward × φ: predictive-coding columns (Song et al. 2020) whose output chooses, and which dopamine kicks at the
chosen column when an outcome comes (Pozzi et al. 2020); φ alone decides when a synapse changes. A digit is
there for a random time, an outcome for a random time, then at once the next digit. Nobody is told when.
Beside the columns a network learns by BrainProp, from the same images, with the same exploration noise.

Expected: in every trial every projection changes as BrainProp's, to 1e-10, for streaming, gated and pooled φ
and any activation; so the columns learn what BrainProp learns. Neither paper has this.

Next: corticalnet/columns/stepwise.py.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.plotting.style import styled

from .parts.common import plus_minus, simulation, table

#: Streaming, gated and pooled φ, taught by reward.
DETECTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "streaming": ("streaming-fa-z-il", {"silence": 3}),
    "gated": ("fa-z-il", {"gate": "prediction"}),
    "pooled": ("streaming-fa-z-il", {"silence": 2, "pooled": True}),
}
ACTIVATIONS, SLACK, BAR = ("sigmoid", "tanh", "relu"), 6, 1e-10
#: Exactness: small networks, one image at a time, half of all choices explore.
SIZES, RATE, URGE = (64, 16, 12, 10), 0.1, 0.5
#: Learning: images side by side, one choice in ten explores.
LEARNERS, BATCH, PACE, EXPLORATION = (64, 32, 10), 16, 0.2, 0.1


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, short streams.")] = False,
    seeds: Annotated[int, typer.Option(help="How many networks and streams.")] = 5,
    trials: Annotated[int, typer.Option(help="Of each learning stream, 16 images side by side.")] = 1000,
) -> dict:
    """Distances to the twin trial by trial, for everybody; then learning by streaming φ."""
    seeds, exact, trials = (1, 4, 60) if quick else (seeds, 30, trials)
    digits, found = datasets.load("digits", seed=0), {}
    runs = list(itertools.product(ACTIVATIONS, DETECTORS, range(seeds)))
    for hidden, who, seed in track(runs, "exactness", transient=True):
        stream = Stream(digits, SIZES, hidden, exact, 1, URGE, seed)
        found.setdefault(hidden, {}).setdefault(who, []).append(stream.beside_brainprop(who, RATE))
    brian2 = Stream(digits, SIZES, "tanh", exact, 1, URGE, 0).beside_brainprop("streaming", RATE, "brian2")
    learned = []
    for seed in track(range(seeds), "learning", transient=True):
        stream = Stream(digits, LEARNERS, "relu", trials, BATCH, EXPLORATION, seed)
        learned.append(stream.beside_brainprop("streaming", PACE))
    return {"seeds": seeds, "exact": exact, "curves": found, "brian2": brian2, "trials": trials,
            "learned": learned}  # fmt: skip


class Stream:
    """Digits, right answers, noise and times; columns live through it, and their twin is taught it.

    Args:
        digits: the images.
        sizes, hidden: of the network.
        trials, batch: how many, and images side by side.
        exploration: probability of a Boltzmann choice.
        seed: of weights, order, noise and times.
    """

    def __init__(
        self,
        digits: datasets.Data,
        sizes: tuple[int, ...],
        hidden: str,
        trials: int,
        batch: int,
        exploration: float,
        seed: int,
    ) -> None:
        rng = np.random.default_rng(seed)
        order = torch.from_numpy(rng.integers(0, len(digits.train), (trials, batch)))
        self.lessons = [digits.train.batch(index, torch.float64) for index in order]
        self.exploration_noise = cn.exploration_noise(
            trials * batch, sizes[-1], exploration, seed=seed
        ).reshape(trials, batch, -1)
        self.waits, self.stays = rng.integers(0, SLACK + 1, (2, trials))
        self.tested = digits.test.batch(slice(None), torch.float64)
        self.net, self.twin = (cn.mlp(sizes, hidden, seed=seed, dtype=torch.float64) for _ in range(2))

    def beside_brainprop(self, who: str, rate: float, engine: str = "torch") -> dict[str, list[float]]:
        """Trial by trial: difference of this trial's change, distance of weights, reward, test accuracy."""
        circuit = cn.circuit(
            self.net, cn.rule(DETECTORS[who][0], **DETECTORS[who][1], teaching="reward"), rate
        )
        running, optimizer = cn.simulator(circuit, engine), torch.optim.SGD(self.twin.parameters(), lr=rate)
        found: dict[str, list[float]] = {"change": [], "weights": [], "reward": [], "columns": [], "twin": []}
        begin = self.of_the_twin()
        for k, (x, y) in enumerate(self.lessons):
            mine, its = dict(running.weights), self.of_the_twin()
            shown = cn.Present(
                x, circuit.needs.present + int(self.waits[k]), exploration_noise=self.exploration_noise[k]
            )
            running.run([shown, cn.Reinforce(y, circuit.needs.teach + int(self.stays[k]))], record="rpe")
            step = self.brainprop(k).update(self.twin, x, y, optimizer)
            now, there = running.weights, self.of_the_twin()
            changes = [(now[n] - mine[n], there[n] - its[n]) for n in its]
            found["change"].append(max(apart(*pair) for pair in changes))
            found["weights"].append(max(apart(now[n] - begin[n], there[n] - begin[n]) for n in its))
            found["reward"].append(float(step.trial_loss.reward.mean()))
            if k % look_every(len(self.lessons)) == look_every(len(self.lessons)) - 1:
                cn.write_back(circuit.with_weights(now), self.net)
                found["columns"].append(self.accuracy(self.net))
                found["twin"].append(self.accuracy(self.twin))
        return found

    def brainprop(self, k: int) -> cn.LearningRule:
        """The twin's rule in trial k: it feels the same exploration noise."""
        noise = torch.from_numpy(self.exploration_noise[k])
        return cn.rule("brainprop", choose=lambda rates: (rates + noise).argmax(1))

    def of_the_twin(self) -> dict[str, np.ndarray]:
        """Weights by projection."""
        return {link.name: link.weight.detach().numpy().copy() for link in self.twin.links}

    def accuracy(self, net: cn.Network) -> float:
        """On the test images, the best action."""
        return float((net.predict(self.tested[0]) == self.tested[1]).double().mean())


def look_every(trials: int) -> int:
    """Trials between two tests."""
    return max(1, trials // 40)


def apart(mine: np.ndarray, its: np.ndarray) -> float:
    """‖mine − its‖ / ‖its‖ (if it did not move at all: ‖mine‖)."""
    return float(np.linalg.norm(mine - its) / (np.linalg.norm(its) or 1.0))


def report(results: dict) -> str:
    """Largest difference of any trial; accuracy of columns and twin."""
    rows = []
    for hidden, found in results["curves"].items():
        for who, runs in found.items():
            ends = [max(run["change"]) for run in runs], [run["weights"][-1] for run in runs]
            rows.append([hidden, who, *(f"{min(e):.0e} to {max(e):.0e}" for e in ends)])
    brian2 = results["brian2"]
    rows.append(["tanh", "streaming, Brian2", f"{max(brian2['change']):.0e}", f"{brian2['weights'][-1]:.0e}"])
    head = ["64-16-12-10", "φ", "largest difference of a trial's change", "distance of weights at the end"]
    exact = table(head, rows, f"{results['exact']} trials, {results['seeds']} seeds (least to greatest)")
    learned = results["learned"]
    rows = [
        [
            name,
            plus_minus([100 * run[name][0] for run in learned], 1),
            plus_minus([100 * run[name][-1] for run in learned], 1),
        ]
        for name in ("columns", "twin")
    ]
    far = max(max(run["change"]) for run in learned), max(run["weights"][-1] for run in learned)
    title = f"{results['trials']} trials: change within {far[0]:.0e}, weights within {far[1]:.0e} of the twin"
    first = look_every(results["trials"])
    return f"{exact}\n\n" + table(["test %", f"after {first} trials", "at the end"], rows, title)


@styled
def draw(results: dict) -> plt.Figure:
    """Differences trial by trial for each activation; learning."""
    figure, grid = plt.subplots(
        1, 5, figsize=(16, 3.3), layout="constrained", width_ratios=[1, 1, 1, 1.2, 1.2]
    )
    for panel, (hidden, found) in zip(grid, results["curves"].items(), strict=False):
        for n, (who, runs) in enumerate(found.items()):
            for k, run in enumerate(runs):
                at = np.arange(1, len(run["change"]) + 1)
                label = who if k == 0 else None
                style = {"color": f"C{n}", "ls": ("-", "--", ":")[n], "lw": 0.8 + 0.3 * n}
                panel.plot(at, np.maximum(run["change"], 1e-18), label=label, **style)
        panel.axhline(BAR, color="0.5", lw=0.8, ls=":")
        panel.set(yscale="log", ylim=(1e-18, 1e-7), xlabel="trials", title=hidden)
    grid[0].set_ylabel("difference of a trial's change\nto BrainProp's, relative")
    grid[0].legend(frameon=False, fontsize=8, loc="upper right")
    learned, trials = results["learned"], results["trials"]
    at = np.arange(1, len(learned[0]["columns"]) + 1) * look_every(trials)
    for name, style, color in (("columns", "-", "C0"), ("twin", ":", "k")):
        lines = 100 * np.array([run[name] for run in learned])
        label = {"columns": "columns with φ, in a stream", "twin": "BrainProp, the network"}[name]
        grid[3].plot(at, lines.T, style, color=color, lw=1.0 if name == "columns" else 1.6)
        grid[3].plot([], [], style, color=color, label=label)
    grid[3].set(xlabel="trials of 16 images", ylabel="test accuracy (%)", ylim=(0, 100))
    grid[3].legend(frameon=False, fontsize=8, loc="lower right")
    grid[3].set_title("digits, 64-32-10, ReLU, streaming φ")
    for run in learned:
        grid[4].plot(np.arange(1, trials + 1), np.maximum(run["weights"], 1e-18), color="C0", lw=0.8)
    grid[4].axhline(BAR, color="0.5", lw=0.8, ls=":")
    grid[4].set(yscale="log", ylim=(1e-18, 1e-7), xlabel="trials", ylabel="distance of weights to the twin's")
    grid[4].set_title("the same: weights")
    grid[0].text(1, BAR * 1.5, "the same, below this line", fontsize=7, color="0.5")
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
