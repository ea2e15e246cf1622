"""Every model file: shapes as the papers state them, a twin, a documented source, and it learns."""

import ast
import importlib.util
import json
from pathlib import Path

import pytest
import torch

import corticalnet as cn
import corticalnet.data as data
from corticalnet.training import load_model, train

FILES = sorted(Path("models").glob("*.py"))
NAMES = [path.stem for path in FILES]


def weights(net):
    return sum(link.weight.numel() for link in net.links)


def build(name, **settings):
    spec = importlib.util.spec_from_file_location(name, f"models/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build(**settings)


def test_brainprop_dense_is_1500_1000_500():
    net = build("brainprop_dense").network
    assert weights(net) == 784 * 1500 + 1500 * 1000 + 1000 * 500 + 500 * 10
    assert all(link.bias is None for link in net.links)


def test_brainprop_conv_and_loccon_have_the_papers_sheets():
    conv, local = build("brainprop_conv").network, build("brainprop_loccon").network
    assert [a.shape for a in conv.areas.values()] == [(32, 28, 28), (32, 14, 14), (500,), (10,)]
    assert [a.shape for a in local.areas.values()] == [(32, 26, 26), (32, 12, 12), (500,), (10,)]
    assert local.links[2].weight.shape[1] == 4608
    cifar = build("brainprop_loccon", input_shape=(3, 32, 32)).network
    assert cifar.links[2].weight.shape[1] == 6272
    assert local.links[0].weight.numel() == 26 * 26 * 32 * 9


def test_brainprop_deep_has_the_maps_of_the_authors_code():
    model = build("brainprop_deep")
    assert [a.shape for a in model.network.areas.values()] == [
        (64, 32, 32), (64, 16, 16), (128, 16, 16), (128, 8, 8), (128, 8, 8), (128, 8, 8), (128, 4, 4),
        (500,), (10,),
    ]  # fmt: skip
    assert model.network.links[7].weight.shape == (500, 2048)
    tiny = build("brainprop_deep", input_shape=(3, 64, 64), classes=200).network
    assert tiny.links[7].weight.shape == (500, 8192)
    assert model.settings.weight_decay == 1e-3  # Keras' l2 has no ½


def test_zil_mlp_is_784_32_32_32_10():
    model = build("zil_mlp")
    assert [link.weight.shape[0] for link in model.network.links] == [32, 32, 32, 10]
    assert (model.settings.batch, model.settings.lr, model.settings.epochs) == (20, 0.001, 64)


def test_the_autoencoder_is_784_200_2_200_784():
    net = build("lansdell_autoencoder").network
    assert [area.shape for area in net.areas.values()] == [(200,), (2,), (200,), (784,)]
    assert [area.sequence[0].describe() for area in net.areas.values()] == ["tanh", "linear", "tanh", "relu"]
    small = build("lansdell_autoencoder", input_shape=(1, 8, 8), hidden=32, output_init="he").network
    assert [link.weight.shape for link in small.links] == [(32, 64), (2, 32), (32, 2), (64, 32)]
    assert small.links[3].weight.std().item() == pytest.approx((2 / 32) ** 0.5, rel=0.1)


def test_bartunov_networks():
    assert [link.weight.shape[0] for link in build("bartunov_fc").network.links] == [256] * 5 + [10]
    local = build("bartunov_lc").network
    assert [a.shape for a in local.areas.values()] == [(32, 14, 14), (64, 7, 7), (1024,), (10,)]
    sheets = ((5, 64, 2), (5, 128, 2), (3, 256, 1))
    cifar = build("bartunov_lc", input_shape=(3, 32, 32), sheets=sheets).network
    assert [a.shape for a in cifar.areas.values()] == [(64, 16, 16), (128, 8, 8), (256, 8, 8), (1024,), (10,)]
    assert build("bartunov_fc", rule="direct-feedback-alignment").settings.lr == 1.649e-3


def test_the_autoencoder_of_bartunov_learns_by_targets_that_are_images():
    """784-512-64-512-784; by SDTP reconstructions become better than the mean image."""
    sizes = [link.weight.shape for link in build("bartunov_autoencoder").network.links]
    assert sizes == [(512, 784), (64, 512), (512, 64), (784, 512)]
    model = load_model(
        "bartunov_autoencoder", data="digits", epochs=6, batch=20, **QUICK["bartunov_autoencoder"]
    )
    assert (model.rule.top, model.rule.transports_weights) == ("label", False)
    digits = data.load("digits", limit=600)
    losses = [epoch["validation_loss"] for epoch in train(model, digits, progress=False).history]
    x, (shown, _) = digits.train.batch(slice(None))[0], digits.validation.batch(slice(None))
    assert losses[-1] < (shown - x.mean(0)).square().sum().item() / (2 * len(shown))


def test_scellier_networks_and_their_rule():
    """Rates are twice the paper's (of a cost without ½), and so is β."""
    rates = {(500,): (0.1, 0.05), (500,) * 2: (0.4, 0.1, 0.01), (500,) * 3: (0.128, 0.032, 0.008, 0.002)}
    for (hidden, wanted), epochs, beta in zip(rates.items(), (25, 60, 500), (1.0, 2.0, 2.0), strict=True):
        model = build("scellier_mlp", hidden=hidden)
        assert [link.weight.shape[0] for link in model.network.links] == [*hidden, 10]
        assert (model.settings.batch, model.settings.epochs) == (20, epochs)
        found = [model.settings.lr * rate / 2 for rate in model.settings.link_rates]
        assert found == pytest.approx(wanted)
        assert (model.rule.beta, model.rule.form, model.rule.relaxation.feedback) == (
            beta,
            "random sign",
            1.0,
        )
    assert all(area.sequence[0].describe() == "relu" for area in model.network.areas.values())


def test_guerguiev_networks_and_the_teacher_of_the_paper():
    model = build("guerguiev_mlp", hidden=(500, 100), density=0.2)
    assert [link.weight.shape[0] for link in model.network.links] == [500, 100, 10]
    assert (model.settings.batch, model.settings.lr) == (1, 0.21)
    teacher = 1 / (0.1 + 0.6 + 1), 8.0  # g_E / (g_L + g_D + g_E), E_E
    assert (model.rule.trigger.nudge, model.rule.trigger.reversal) == teacher
    shares = [(r.weights != 0).double().mean() for r in model.rule.feedback_routes(model.network)]
    assert shares == pytest.approx([0.2, 0.2])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*a phase (has not settled|goes to and fro)")
def test_scellier_mlp_with_two_hidden_areas_learns_digits():
    """Two seeds reach 0.76 and 0.78; with one rate for all links columns saturate."""
    model = load_model("scellier_mlp", data="digits", hidden=(40, 40), lr=0.4, epochs=6)
    assert train(model, data.load("digits"), progress=False).history[-1]["accuracy"] > 0.5


def test_ernoult_conv_is_p_conv():
    """Shapes and numbers of the authors' command line and of their class convEP."""
    model = build("ernoult_conv")
    assert [area.drive_shape for area in model.network.areas.values()] == [(32, 24, 24), (64, 8, 8), (10,)]
    assert [area.shape for area in model.network.areas.values()] == [(32, 12, 12), (64, 4, 4), (10,)]
    assert (model.rule.beta, model.rule.relaxation.steps, model.rule.nudged_steps) == (0.4, 200, 10)
    assert [0.15 * rate for rate in model.settings.link_rates] == pytest.approx([0.15, 0.035, 0.015])


def test_sacramento_is_784_500_500_10_with_the_papers_conductances():
    model = build("sacramento_mlp")
    assert [link.weight.shape[0] for link in model.network.links] == [500, 500, 10]
    g = model.rule.conductances
    assert (g.leak, g.basal, g.apical, g.dendritic, g.somatic) == (0.1, 1.0, 0.8, 1.0, 0.8)
    assert (model.rule.nudge, model.rule.transports_weights) == ("potential", False)
    assert list(build("sacramento_mlp", laterals="predicting", hidden=(5,)).rule.parameters(model.network))


@pytest.mark.parametrize("form", ["free", "midpoint", "symmetric"])
def test_oreilly_generec_has_the_papers_forms(form):
    model = build("oreilly_generec", form=form)
    assert (model.rule.form, model.rule.relaxation.feedback) == (form, 1.0)
    assert build("oreilly_generec", pathway="random").rule.transports_weights is False


@pytest.mark.parametrize(
    ("name", "rule", "alternate", "lr", "decoders", "alpha", "sigma"),
    [
        ("bartunov_fc", "difference-target-propagation", 0, 7.57e-4, 7.68e-4, 0.15008, 0.36133),
        ("bartunov_fc", "difference-target-propagation", 1, 3.08e-4, 4.593e-3, 0.231758, 0.220444),
        ("bartunov_fc", "simplified-target-propagation", 9, 3.01e-4, 9.572e-3, 1.0, 0.118267),
        ("bartunov_lc", "auxiliary-output-target-propagation", 0, 2.0e-5, 2.61e-4, 1.0, 0.299769),
    ],
)
def test_target_propagation_has_the_settings_of_bartunovs_search(
    name, rule, alternate, lr, decoders, alpha, sigma
):
    """Labels have no α; it is 1."""
    model = build(name, input_shape=(1, 8, 8), rule=rule, alternate=alternate)
    taught = model.rule
    assert (model.settings.lr, taught.alpha, taught.reconstruction.sigma) == (lr, alpha, sigma)
    assert model.settings.lr * taught.own_rate == pytest.approx(decoders)
    assert (taught.alternate, taught.teaching.loss) == (alternate, "cross-entropy")
    told = load_model(name, data="digits", rule=rule, own_rate=3.0, sigma=0.5).rule
    assert (told.own_rate, told.reconstruction.sigma) == (3.0, 0.5)


@pytest.mark.parametrize(("blocks", "millions"), [(3, 0.27), (5, 0.46), (9, 0.85)])
def test_he_residual_has_6n_2_layers_and_the_papers_parameters(blocks, millions):
    """Table 6 of the paper; our shortcuts where channels double are two more layers."""
    net = build("he_residual", blocks=blocks).network
    shortcuts = [link for link in net.links if not link.plastic]
    assert sum(link.plastic for link in net.links) == 6 * blocks + 2 + 2
    assert len(shortcuts) == 2 * 3 * blocks
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    sheets = [net.areas[f"block{stage}-{blocks}"].drive_shape for stage in (1, 2, 3)]
    assert sheets == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    assert net.wiring.area(net.wiring.output - 1).shape == (64, 1, 1)


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("brainprop")])
def test_the_twin_is_taught_by_cross_entropy_from_the_same_weights(name):
    settings = {"input_shape": (3, 16, 16)}
    one, twin = build(name, **settings), build(name, rule="backprop", **settings)
    assert isinstance(one.rule.teaching, cn.Reward)
    assert (one.rule.teaching.exploration, one.rule.teaching.temperature) == (0.02, 1.0)
    assert twin.rule.teaching.loss == "cross-entropy"
    pairs = zip(one.network.parameters(), twin.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert one.settings == twin.settings


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_docstring_has_source_and_deviations(path):
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert any(
        place in text for place in ("NeurIPS", "ICLR", "CVPR", "Frontiers", "Neural Computation", "eLife")
    )
    assert "Deviations\n    1. " in text
    assert path.stem in Path("models/README.md").read_text()


#: Smaller networks and larger steps than the papers', for a few seconds on digits.
QUICK = {
    "brainprop_dense": {"hidden": (100, 60), "init": "he", "lr": 0.05},
    "brainprop_conv": {"init": "he", "lr": 0.01},
    "brainprop_loccon": {"lr": 0.04, "epochs": 10},
    "brainprop_deep": {"widths": (16, 64), "init": 0.015, "lr": 0.1, "epochs": 12},
    "lansdell_autoencoder": {"hidden": 32, "lr": 0.05, "epochs": 8},
    "zil_mlp": {"lr": 0.01},
    "bartunov_fc": {"lr": 0.001},
    "bartunov_lc": {"lr": 0.001},
    "bartunov_autoencoder": {"hidden": 64, "code": 16, "lr": 0.002},
    "scellier_mlp": {"hidden": (100,)},
    "ernoult_conv": {"channels": (8, 16), "kernel": 3, "padding": "same", "lr": 0.5},
    "oreilly_generec": {},
    "greedy_mlp": {"hidden": (100,), "lr": 2.0, "epochs": 10},
    "meulemans_mlp": {"hidden": (32, 32), "lr": 2e-3},
    "guerguiev_mlp": {"hidden": (100,), "lr": 2.0},
    "sacramento_mlp": {"hidden": (64,), "lr": 0.02},
    "he_residual": {"blocks": 1, "widths": (8, 16), "lr": 0.05},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rule", ["backprop", "z-il"])
def test_every_model_learns_digits(name, rule):
    """By backprop, and by a rule that its paper did not use.

    Accuracy leaves chance (10 %) far behind; reconstructions, the mean image. Of six seeds (three for
    brainprop_loccon and he_residual) means are at least 0.49 (s.d. 0.03: Z-IL, brainprop_conv);
    brainprop_deep has 0.78 and 0.77 (0.04), zil_mlp 0.82 (0.08), he_residual 0.96 (0.01); reconstructions
    have 0.73 (0.02) of the mean image's loss: no bar is nearer than five s.d.
    """
    settings = {"epochs": 5, "batch": 20, **QUICK[name]}
    model, digits = load_model(name, data="digits", rule=rule, **settings), data.load("digits", limit=600)
    history = train(model, digits, progress=False).history
    assert history[-1]["loss"] < history[0]["loss"]
    if model.settings.target == "image":
        x, _ = digits.train.batch(slice(None))
        rest = digits.validation.batch(slice(None))[0] - x.mean(0)
        assert history[-1]["validation_loss"] < 0.85 * rest.square().sum().item() / (2 * len(rest))
    else:
        assert history[-1]["accuracy"] > 0.3


def test_what_a_run_counts_are_answers_of_the_free_equilibrium(tmp_path):
    model, digits = (
        load_model("oreilly_generec", data="digits", hidden=(16,), epochs=1),
        data.load("digits", limit=200),
    )
    train(model, digits, out=tmp_path / "run", progress=False)
    counts = torch.tensor(json.loads((tmp_path / "run" / "confusion.json").read_text())["counts"])
    x, y = digits.test.batch(slice(None))

    def confusion(answers):
        return torch.zeros(10, 10, dtype=int).index_put((y, answers), torch.ones_like(y), accumulate=True)

    assert torch.equal(counts, confusion(model.rule.predict(model.network, x)))
    assert not torch.equal(counts, confusion(model.network.predict(x))), "a sweep answers something else"
