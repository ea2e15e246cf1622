"""What simulations/autonomous_energies.py found, as tables and as a figure."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from corticalnet.plotting.style import BLUE, GREEN, GREY, RED, styled

from .common import mean_sd, plus_minus, table


def report(results: dict) -> str:
    """Four tables: how large nudges are, what noise hides, what is found in time, and what is learned."""
    rows = []
    for name, runs in results["size"].items():
        each = np.array(runs)[:, ::-1]
        rows.append([name, *(f"{size:.1e}" for size in each.mean(0)), plus_minus(factors(runs))])
    head = ["nudge", "output", *(f"{d} below" for d in range(1, 5)), "factor of each link"]
    parts = [table(head, rows, "how far feedback moves when a nudge comes, Σ over an area (medians)")]
    head = ["rule", "noise", "threshold / s.d.", *(f"{who}, {a}" for a in ("lowest area", "middle", "output")
            for who in ("told", "φ")), "missed, lowest"]  # fmt: skip
    rows = []
    for kind, found in results["noise"].items():
        for noise, by_threshold in found.items():
            threshold, runs = best(by_threshold)
            means = {key: np.mean([run[key] for run in runs], 0) for key in runs[0]}
            cosines = [f"{means[who][a]:.3f}" for a in range(3) for who in ("told", "φ")]
            rows.append([kind, noise, threshold, *cosines, f"{means['missed'][0]:.0%}"])
    parts.append(table(head, rows, "cosine of single updates to the rule's without noise, by area"))
    rows = []
    for who, found in results["timing"].items():
        for mean, runs in found.items():
            shares = [100 * share(runs, key) for key in ("told right", "right", "missed", "wrong", "false")]
            rows.append([who, mean, *(f"{value:.1f}" for value in shares)])
    head = ["who", "T", "told, right", "right", "missed", "wrong", "found without a teacher"]
    parts.append(table(head, rows, "percent of updates, all areas, where times are 1 to 2 T − 1 steps"))
    rows = [
        [name, plus_minus([100 * run[-1] for run in runs]), plus_minus([100 * max(run) for run in runs])]
        for name, runs in results["digits"].items()
    ]
    parts.append(table(["circuit", "test %, last", "best"], rows, "digits"))
    return "\n\n".join(parts)


def factors(runs: list[list[float]]) -> list[float]:
    """Of each seed: by how much a nudge falls in a link, from one area below the output down (fitted)."""
    return [float(np.exp(np.polyfit(range(4), np.log(run[-2::-1]), 1)[0])) for run in runs]


def best(by_threshold: dict[str, list[dict]]) -> tuple[str, list[dict]]:
    """The threshold with the largest mean cosine, and its runs."""
    return max(by_threshold.items(), key=lambda item: np.mean([run["φ"] for run in item[1]]))


def share(runs: list[dict], key: str) -> float:
    """Mean over seeds and areas."""
    return float(np.mean([run[key] for run in runs]))


@styled
def draw(results: dict) -> plt.Figure:
    """A panel for each question."""
    figure, (size, noise, timing, learned) = plt.subplots(
        1, 4, figsize=(15, 3.9), layout="constrained", width_ratios=[1, 1, 1, 1.3]
    )
    for k, (name, runs) in enumerate(results["size"].items()):
        size.semilogy(np.mean(runs, 0)[::-1], ["o-", "s--", "^:"][k % 3], label=name, ms=4,
                      color=BLUE if name.startswith("CHL") else RED)  # fmt: skip
    size.set(xlabel="links below the output", ylabel="Σ |move of feedback|", title="a nudge when it comes")
    size.set_xticks(range(5))
    size.legend()
    for kind, colour in zip(results["noise"], (BLUE, RED), strict=False):
        found = {float(sd): best(at)[1] for sd, at in results["noise"][kind].items() if float(sd)}
        for who, style in (("told", "--"), ("φ", "-")):
            lowest = [np.mean([run[who][0] for run in runs]) for runs in found.values()]
            noise.semilogx(list(found), lowest, f"o{style}", color=colour, ms=4, label=f"{kind}, {who}")
    noise.set(xlabel="s.d. of noise on drives", ylabel="cosine, lowest area", title="noise, best threshold",
              ylim=(-0.05, 1.05))  # fmt: skip
    noise.legend()
    for kind, colour in zip(results["noise"], (BLUE, RED), strict=False):
        pooled, each = (results["timing"][f"{kind}, φ of {who}"] for who in ("the area", "each column"))
        times = [int(mean) for mean in pooled]
        lines = (("told", pooled, "told right", "--"), ("one φ for an area", pooled, "right", "-"),
                 ("one for each column", each, "right", ":"))  # fmt: skip
        for who, found, key, style in lines:
            shares = [100 * share(runs, key) for runs in found.values()]
            timing.plot(times, shares, f"o{style}", color=colour, ms=4, label=f"{kind}, {who}")
    timing.set(xlabel="mean time T (steps)", ylabel="right updates (%)", title="unknown times")
    timing.legend()
    for k, (name, runs) in enumerate(results["digits"].items()):
        right, colour = [100 * run[-1] for run in runs], GREY if "told" in name else GREEN
        learned.plot(right, [k] * len(right), "o", color=colour, ms=4, alpha=0.5, mec="none")
        learned.plot([mean_sd(right)[0]] * 2, [k - 0.3, k + 0.3], color=colour, lw=2)
    learned.set_yticks(range(len(results["digits"])), list(results["digits"]))
    learned.set(ylim=(len(results["digits"]) - 0.5, -0.5), xlabel="test accuracy (%)",
                title="digits, every seed and mean")  # fmt: skip
    return figure
