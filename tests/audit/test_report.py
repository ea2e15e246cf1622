"""Reports: every rule gets its row, a user's too, and every mark has its number behind it."""

import functools
import json

import pytest
import torch

import corticalnet as cn
from corticalnet.audit import PARTS, PROPERTIES, SONG, TALK, Report, audit_rule, figure, tables
from corticalnet.audit.report import Finding, brief
from corticalnet.audit.samples import random_mlp
from corticalnet.errors import RuleError
from tests.audit.test_locality import Hebbian, Peeking

#: What is known of rules: marks in the order of SONG, then of TALK ("s" some, "-" cannot be asked).
KNOWN = {
    "backprop": "ynnnn nynn-n",
    "feedback-alignment": "nynnn yynn-n",
    "direct-feedback-alignment": "nynnn yynn-n",
    "sign-symmetry": "nynnn nynn-n",
    "brainprop": "yyyyy nynyyy",
    "il": "nyynn nynynn",
    "ipc": "nyynn nynynn",
    "z-il": "yysnn nynsnn",
    "streaming-fa-z-il": "yyyyy nynyyn",
    "burstccn": "nyynn yyyyyn",
    "burstprop": "ny--- yyy--n",
    "deep-feedback-control": "ny--- nyn--n",
    "equilibrium-propagation": "nyynn nyynnn",
    "segregated-dendrites": "nyynn yyynnn",
    "dendritic-microcircuit": "ny--- yyyyyn",
}
#: What papers of targets, equilibria and dendrites ask for, x for each of: T weights up read on the way down
#: (or one weight both ways), P phases, S signed errors sent, Y symmetric feedback, Q an equilibrium. (DTP
#: at the output alone.) P is measured where there is a circuit (?).
ASKED = {
    "target-propagation": ".?...",
    "difference-target-propagation": "x?x..",
    "simplified-target-propagation": ".?...",
    "auxiliary-output-target-propagation": ".?...",
    "difference-reconstruction": ".?...",
    "local-difference-reconstruction": ".?...",
    "recurrent-backprop": "x?xxx",
    "equilibrium-propagation": "xx.xx",
    "contrastive-hebbian": "xx.xx",
    "generec": "xx.xx",
    "segregated-dendrites": ".?...",
    "dendritic-microcircuit": "...?x",
}
LETTERS = {"yes": "y", "some": "s", "no": "n", "none": "-"}


def marks(report):
    return " ".join("".join(LETTERS[report[key].mark] for key in part) for part in (SONG, TALK))


#: Found by settling twice, which takes long: one network will do here.
SLOW = ("equilibrium-propagation", "recurrent-backprop")
TWO_PHASES = (*SLOW, "contrastive-hebbian", "generec", "dendritic-microcircuit")


@functools.cache
def audited(name):
    """The report of a rule of the catalogue, made once in each process; three trials in a stream will do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("corticalnet.audit.autonomy.TRIALS", 3)
        # (weaker feedback: phases come to rest in a third of the steps)
        rule = cn.rule(name, **({"feedback": 0.2} if name in SLOW else {}))
        return cn.audit_rule(rule, random_mlp("tanh", 2, 0) if name in TWO_PHASES else None, quick=True)


def asked(report, name):
    """Which of T, P, S, Y, Q a rule asks for, by its report and by trying it."""
    rule, net = cn.rule(name), random_mlp("tanh", 3, 0)
    x = torch.rand(3, *net.input_shape, dtype=torch.float64)
    asks = [report[key].mark == "no" for key in ("weight transport", "phases", "signed feedback")]
    below = [route for route in rule.feedback_routes(net) if route.above < net.wiring.output]
    asks.append(bool(below) and all(route.weights is route.link.weight for route in below))
    asks.append(not torch.allclose(rule.answer(net, x), net(x)))
    return asks


@pytest.mark.slow
@pytest.mark.parametrize("name", cn.list_rules())
def test_every_rule_of_the_catalogue_gets_its_row_and_asks_for_what_its_paper_says(name):
    report = audited(name)
    assert isinstance(report, Report)
    assert [finding.name for finding in report.findings] == list(PROPERTIES)
    for finding in report.findings:
        told = any(
            why in finding.detail for why in ("sweep", "no circuit", "in continuous time alone", "noise of")
        )
        assert told or finding.number is not None
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["rule"] == name
    assert report["locality"].mark == ("no" if name == "backprop" else "yes")
    assert "claims" not in report["weight transport"].detail
    if name in KNOWN:
        assert marks(report) == KNOWN[name]
    if name in ASKED:
        letters = zip(asked(report, name), ASKED[name], strict=True)
        assert all(letter in ("x?" if asks else ".?") for asks, letter in letters)


@pytest.mark.slow
def test_fa_z_il_agrees_with_song_where_the_papers_conditions_hold():
    report = audited("fa-z-il")
    assert report["equality"].mark == report["autonomy, phases told"].mark == "some"
    error = report.evidence["equality"]
    assert error["sigmoid"]["error"] < 1e-12 > error["tanh"]["error"]
    assert error["relu"]["error"] > 0.1
    streams = report.evidence["autonomy"]["streams"]
    assert max(streams["phases"][kind] for kind in ("sigmoid", "tanh")) < 1e-12
    assert streams["phases"]["relu"] > 0.01
    assert min(streams["nothing"].values()) > 0.1
    assert marks(report)[1] == "y"


def test_a_rule_of_ten_lines_gets_its_row():
    class OutputOnly(cn.LearningRule):
        name = "delta rule"

        @torch.no_grad()
        def learn(self, net, x, targets, *, accumulate=False):
            rates = net.sweep(x).rates
            for p in net.parameters():
                p.grad = p.grad if accumulate and p.grad is not None else torch.zeros_like(p)
            error = torch.nn.functional.one_hot(targets, rates[-1].shape[1]) - rates[-1]
            net.links[-1].weight.grad -= error.T @ rates[-2] / len(x)

    report = cn.audit_rule(OutputOnly(), quick=True)
    assert marks(report) == "ny--- yyy--n"
    assert "delta rule" in tables([report])
    assert report.evidence["equality"]["tanh"]["by_depth"][0][0] < 1e-12


def test_the_hebbian_rule_is_local_and_not_backprop():
    report = audit_rule(Hebbian(), quick=True)
    assert marks(report) == "ny--- yyy--y"


def test_a_cheat_is_named_in_the_report():
    report = audit_rule(cn.Rule(trigger=Peeking(), name="peeking"), quick=True)
    assert report["locality"].mark == "no"
    assert report["locality"].detail.startswith("leaks: error of output")
    detail = report["autonomy"].detail
    assert detail.startswith("no circuit: peeking: Peeking has no circuit; triggers that have one: ")
    assert detail.endswith(
        "a ColumnModel of your own under @corticalnet.columns.runs(Peeking) is its circuit"
    )


def test_an_unknown_property_is_refused_with_the_choices():
    report = Report("rule", "network", tuple(Finding(name, "yes", 0.0, "") for name in PROPERTIES), {})
    with pytest.raises(RuleError, match="unknown property 'transport'; did you mean 'weight transport'"):
        report["transport"]


def test_a_network_of_ones_own():
    areas = [
        cn.Area(cn.Convolution(2, 3), "relu", pool=2, homeostasis="batch"),
        cn.Area(cn.Dense(4), "linear"),
    ]
    net = cn.Network((1, 6, 6), areas)
    report = audit_rule("z-il", net, quick=True)
    assert report["equality"].mark == "yes"
    assert report["locality"].detail.startswith("leaks: other samples of the batch")
    assert report["weight tying"].mark == "no"
    assert "no circuit: area 'area1' fires through relu, batch homeostasis" in report["autonomy"].detail
    assert net.links[0].weight.dtype == torch.float32


@pytest.mark.slow
def test_tables_and_figure():
    reports = {name: audited(name) for name in ("backprop", "z-il", "streaming-fa-z-il")}
    text = tables(list(reports.values()))
    row = next(line for line in text.splitlines() if line.startswith("streaming-fa-z-il"))
    assert row.count("✓") == 5
    assert all(name in str(reports["z-il"]) for name in PROPERTIES.values())
    drawn = [t.get_text() for axes in figure(list(reports.values())).axes for t in axes.texts]
    assert len(drawn) == 2 * len(reports) * len(PROPERTIES)
    assert drawn.count("✓") == sum(marks(r).count("y") for r in reports.values())


def test_numbers_in_few_characters():
    shown = [brief(v) for v in (None, 0.0, 3.2e-16, 0.534, 4.61, 123.4, 5e7, float("inf"))]
    assert shown == ["", "0", "3e-16", "0.53", "4.6", "123", "5e+07", "∞"]


def test_progress_names_its_parts():
    said = []
    audit_rule("backprop", quick=True, progress=said.append)
    assert said == list(PARTS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("zil",), "did you mean 'z-il'"),
        ((3,), "audit takes a rule or the name of one, not 3"),
        (("z-il", torch.nn.Linear(2, 2)), "audit takes a Network to try a rule on, not Linear"),
    ],
)
def test_mistakes_are_named(given, message):
    with pytest.raises(RuleError, match=message):
        audit_rule(*given)
