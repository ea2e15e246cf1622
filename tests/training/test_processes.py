"""Two processes that share every batch are one process: by gloo, in float64, weights to 1e-12."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

import corticalnet as cn
from corticalnet.errors import SettingError
from corticalnet.training import Settings, train
from corticalnet.training.processes import Processes
from tests.networks import F64, batch, dense, learned

ROOT = Path(__file__).parents[2]
#: Rules that draw nothing and whose samples are computed alone, beside two whose own weights learn, too.
RULES = ("backprop", "z-il", "fa-z-il", "kolen-pollack", "equilibrium-propagation", "agrel")
X = torch.rand(23, 6, generator=torch.Generator().manual_seed(0), dtype=F64)
Y = torch.arange(23) % 3


def model(rule, seed=0, **settings):
    made = cn.rule(rule, **({"choose": _greedy} if rule == "agrel" else {}))
    # Half of all weights at their bounds, where a step alone would take them further.
    areas = [
        cn.Area(cn.Dense(n, bounds=cn.Bounds(-0.2, 0.2)), "sigmoid" if n > 3 else "linear") for n in (5, 4, 3)
    ]
    net = cn.Network((6,), areas, seed, dtype=F64)
    # 23 samples: the last batch of an epoch has one, so that one process has none of it
    return cn.Model(net, made, Settings(epochs=2, batch=11, lr=0.3, seed=seed, device="cpu", **settings))


def _greedy(rates):
    return rates.argmax(1)


def weights(made):
    return [p.detach().clone() for p in made.network.parameters()]


def trained(rule, **how):
    made = model(rule, **how)
    result = train(made, (X, Y), validation=(X, Y), test=(X, Y), progress=False)
    return weights(made), [record["loss"] for record in result.history]


def work(rank, size, folder):
    """One of the processes: train by every rule, and then in two runs, the second by twice the batch."""
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1"}
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size
    )
    found = {rule: trained(rule) for rule in RULES}
    found["momentum"] = trained("z-il", momentum=0.9)
    made = model("z-il")
    train(made, (X, Y), out=f"{folder}/run", validation=(X, Y), test=(X, Y), progress=False)
    torch.save(found, f"{folder}/found-{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    mp.start_processes(work, (2, str(folder)), nprocs=2, start_method="fork")
    return folder, [torch.load(folder / f"found-{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("rule", RULES)
def test_two_processes_learn_what_one_learns(rule, together):
    alone, losses = trained(rule)
    for found in together[1]:
        for one, other in zip(found[rule][0], alone, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
        assert found[rule][1] == pytest.approx(losses, rel=1e-12)
    first, second = (found[rule][0] for found in together[1])
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_with_momentum_too(together):
    for one, other in zip(together[1][0]["momentum"][0], trained("z-il", momentum=0.9)[0], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_the_first_writes_a_run_that_one_process_goes_on_with(together):
    """Resumed by another number of processes."""
    folder = together[0] / "run"
    assert (folder / "summary.json").exists()
    made, whole = model("z-il"), model("z-il")
    for one in (made, whole):
        one.settings = one.settings.change(epochs=4)
    train(made, (X, Y), out=folder, resume=True, validation=(X, Y), test=(X, Y), progress=False)
    train(whole, (X, Y), validation=(X, Y), test=(X, Y), progress=False)
    for one, other in zip(weights(made), weights(whole), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", cn.list_rules())
def test_a_rule_says_whether_its_samples_are_computed_alone(name):
    """Of a whole batch it learns the mean of what it learns of parts: whoever draws nothing."""
    rule, net = cn.rule(name), dense("sigmoid")
    x, y = batch(5)
    if not rule.by_sample:
        assert name in {"weight-perturbation", "reinforce", "perturbed-feedback", "ipc"}
    elif not (rule.stochastic or rule.rewarded or name in DRAWS):
        parts = [learned(net, cn.rule(name), x[s], y[s]) for s in (slice(0, 2), slice(2, 5))]
        for whole, one, other in zip(learned(net, rule, x, y), *parts, strict=True):
            torch.testing.assert_close(whole, 0.4 * one + 0.6 * other, rtol=1e-9, atol=1e-13)


#: Whose decoders or feedback learn by noise.
DRAWS = {
    "weight-mirror", "perturbed-feedback", "target-propagation", "difference-target-propagation",
    "simplified-target-propagation", "auxiliary-output-target-propagation", "difference-reconstruction",
    "local-difference-reconstruction",
}  # fmt: skip


def test_who_cannot_share_a_batch_is_told():
    two, net = Processes(0, 2), cn.mlp([6, 5, 3])
    two.check(net, cn.rule("z-il"))
    for name in ("ipc", "weight-perturbation"):
        with pytest.raises(SettingError, match=f"{name} cannot share a batch between 2 processes"):
            two.check(net, cn.rule(name))
    area = cn.Area(cn.Dense(4), "relu", "V1", homeostasis="slow")
    with pytest.raises(SettingError, match="area 'V1' has a homeostasis, whose statistics are of a whole"):
        two.check(cn.Network((6,), [area, cn.Area(cn.Dense(3), "linear")]), cn.rule("z-il"))


def test_shares_are_the_batch():
    whole, four = torch.arange(10), [Processes(rank, 4) for rank in range(4)]
    assert torch.cat([one.share(whole) for one in four]).equal(whole)
    assert [one.weigh(whole) for one in four] == [0, 3, 6, 8]
    assert sum(one._weight for one in four) == pytest.approx(1)


@pytest.mark.slow
def test_torchrun_trains_and_one_process_speaks(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
               "--standalone", "-m", "corticalnet", "train", "zil_mlp", "--data", "digits", "--epochs", "1",
               "--set", "limit=200", "--out", "run"]  # fmt: skip
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("a page of it") == 1
    assert (tmp_path / "run" / "summary.json").exists()
