"""A rule inside the training loops of others: what it changes there is what it changes alone."""

import pytest
import torch

import corticalnet as cn


def twin_and_data():
    x, y = torch.rand(24, 6), torch.arange(24) % 3
    return cn.mlp([6, 5, 3], "tanh", seed=0), torch.utils.data.TensorDataset(x, y)


def alone(epochs, optimiser):
    """The same batches by a loop of three lines."""
    net, data = twin_and_data()
    rule, steps = cn.rule("z-il"), optimiser(net)
    for _ in range(epochs):
        for x, y in torch.utils.data.DataLoader(data, batch_size=8):
            rule.learn(net, x, y)
            steps.step()
    return net


def sgd(net):
    return torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


@pytest.fixture(autouse=True)
def _same_data():
    torch.manual_seed(0)


@pytest.mark.filterwarnings("ignore")
def test_a_lightning_module_that_learns_by_a_rule(tmp_path):
    """Manual optimisation: no graph, no backward; Lightning counts steps, logs and keeps checkpoints."""
    lightning = pytest.importorskip("lightning")

    class ByRule(lightning.LightningModule):
        def __init__(self, net, rule):
            super().__init__()
            self.net, self.rule, self.automatic_optimization = net, rule, False

        def training_step(self, batch, index):
            x, y = batch
            result = self.rule.learn(self.net, x, y)
            self.optimizers().step()
            self.log("loss", result.loss, prog_bar=True)

        def configure_optimizers(self):
            return sgd(self.net)

    net, data = twin_and_data()
    module = ByRule(net, cn.rule("z-il"))
    trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", default_root_dir=tmp_path, logger=False,
                                enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=8))
    torch.manual_seed(0)
    for ours, theirs in zip(net.parameters(), alone(2, sgd).parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert trainer.global_step == 6
    (kept,) = (tmp_path / "checkpoints").glob("*.ckpt")
    saved = torch.load(kept, weights_only=False)["state_dict"]
    assert all(torch.equal(saved[f"net.{name}"], value) for name, value in net.state_dict().items())


@pytest.mark.filterwarnings("ignore")
def test_accelerate_prepares_what_a_rule_trains():
    accelerate = pytest.importorskip("accelerate")
    net, data = twin_and_data()
    accelerator, rule = accelerate.Accelerator(cpu=True), cn.rule("z-il")
    net, steps, batches = accelerator.prepare(net, sgd(net), torch.utils.data.DataLoader(data, batch_size=8))
    for _ in range(2):
        for x, y in batches:
            rule.learn(accelerator.unwrap_model(net), x, y)
            steps.step()
    torch.manual_seed(0)
    for ours, theirs in zip(net.parameters(), alone(2, sgd).parameters(), strict=True):
        assert torch.equal(ours, theirs)
