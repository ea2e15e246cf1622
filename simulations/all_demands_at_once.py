"""Does a rule learn images that has no teacher, no weight transport and no clock, all at once?

    python -m simulations.all_demands_at_once                     784-200-100-10, 3 seeds, 4 min
    python -m simulations.all_demands_at_once --quick             digits, one seed, 10 epochs, seconds

Fashion-MNIST, ReLU. Reward (an action, its reward, one number of dopamine) × Kolen–Pollack feedback (synapses
down of their own, which never see those up) × gated Fa-Z-IL (φ in each column says when to learn). One demand
after the other:

    backprop        Teacher × Tied × Sweep
    no teacher      Reward × Tied × Sweep                        BrainProp
    no transport    Reward × KolenPollack × Sweep
    no clock        Reward × KolenPollack × gated Fa-Z-IL

Expected: what is lost is lost with the teacher; no clock costs nothing, to every printed digit.

Next: corticalnet/rules/product.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import typer

import corticalnet as cn
from corticalnet.plotting.style import styled
from corticalnet.training import Settings, train

from .parts.common import plus_minus, simulation, table

#: λ of Kolen–Pollack feedback; exploration of those that choose.
DECAY, EXPLORATION = 0.0005, 0.02
#: Of all of them. At 0.05 backprop, and feedback that learns, run away in the first epoch of some seeds.
RATE = 0.02


def rewarded(feedback: Callable, trigger: Callable) -> cn.Rule:
    """A rule that is taught by reward."""
    return cn.Rule(cn.Reward(EXPLORATION), feedback(), trigger())


#: Rules by what the last of them does without.
RULES: dict[str, Callable[[], cn.Rule]] = {
    "backprop": lambda: cn.rule("backprop"),
    "no teacher": lambda: rewarded(cn.Tied, cn.Sweep),
    "no transport": lambda: rewarded(lambda: cn.KolenPollack(DECAY), cn.Sweep),
    "no clock": lambda: rewarded(
        lambda: cn.KolenPollack(DECAY), lambda: cn.FaZIL(silence=4, gate="prediction")
    ),
}


def run(
    data: Annotated[str, typer.Option(help="Data set.")] = "fashion-mnist",
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    first_seed: Annotated[int, typer.Option(help="The first of them.")] = 0,
    epochs: Annotated[int, typer.Option(help="Passes over the images.")] = 15,
    rules: Annotated[str, typer.Option(help="Some of the rules, with commas between.")] = ",".join(RULES),
    runs: Annotated[Path, typer.Option(help="Folder for the runs.")] = Path("runs/all_demands_at_once"),
    quick: Annotated[bool, typer.Option("--quick", help="Digits, one seed, 10 epochs.")] = False,
) -> dict:
    """Train every rule with every seed, or read what is there."""
    hidden, shape, rate, batch = (200, 100), (1, 28, 28), RATE, 32
    if quick:
        data, seeds, epochs = "digits", 1, 10
        hidden, shape, rate, batch, runs = (64, 32), (1, 8, 8), 0.1, 16, runs / "quick"
    found: dict = {"data": data, "epochs": epochs, "rules": {}}
    for name in rules.split(","):
        results = []
        for seed in range(first_seed, first_seed + seeds):
            areas = [cn.Area(cn.Dense(n), "relu") for n in hidden]
            net = cn.Network(shape, [*areas, cn.Area(cn.Dense(10), "linear")], seed)
            settings = Settings(
                data=data,
                epochs=epochs,
                batch=batch,
                lr=rate,
                seed=seed,
                patience=None,
            )
            out = runs / f"{data}-{epochs}" / name.replace(" ", "-") / f"seed-{seed}"
            result = train(cn.Model(net, RULES[name](), settings), out=out, resume=out.exists())
            results.append({**result.to_dict(), "history": result.history})
        found["rules"][name] = results
    return found


def report(results: dict) -> str:
    """One row for each rule: accuracy, and how far from backprop's."""
    test = {name: [100 * r["last_test_accuracy"] for r in runs] for name, runs in results["rules"].items()}
    rows = []
    for name, values in test.items():
        gap = [a - b for a, b in zip(test.get("backprop", []), values, strict=False)]
        rows.append([name, len(values), plus_minus(values), plus_minus(gap) if gap else "–"])
    title = f"{results['data']}, {results['epochs']} epochs, the last one's test set"
    return table(["rule", "seeds", "test %", "below backprop"], rows, title)


@styled
def draw(results: dict) -> plt.Figure:
    """Validation accuracy over epochs, one line for each seed."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for k, (name, runs) in enumerate(results["rules"].items()):
        for j, one in enumerate(runs):
            curve = [100 * e["validation_accuracy"] for e in one["history"]]
            how = "--" if name == "no clock" else "-"  # which lies on the one before
            axes.plot(range(1, len(curve) + 1), curve, f"C{k}", ls=how, label=None if j else name, lw=1.3)
    axes.set(
        xlabel="epoch", ylabel="validation accuracy (%)", title=f"{results['data']}, a line for each seed"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
