"""ShuffleNetV1 against a restatement of Megvii's (pytorchcv's, which is the paper's, is in test_networks)."""

import pytest
import torch
from agreement import fill, on_meta
from torch import nn
from torch.nn import functional as F

from lightnets_edu import get_model
from lightnets_edu.models.shufflenet_v1 import ShuffleUnit

MEGVII = {"shuffle": "megvii", "shortcut_first": True, "classifier_bias": False}


def test_released_half_width_network_with_8_groups():
    """Megvii's 0.5x g=8 has 16 channels after the stem: 12 are no multiple of 8."""
    assert on_meta("shufflenet_v1", groups=8, width_mult=0.5).first_conv[0].out_channels == 16


class Megvii(nn.Module):
    """Megvii's network, restated on the tensors of a state dict."""

    def __init__(self, state, groups):
        super().__init__()
        self.groups = groups
        self.tensors = {name: tensor.clone() for name, tensor in state.items()}
        for name, tensor in self.tensors.items():
            if name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name.replace(".", "_"), tensor)

    def conv(self, x, name, **window):
        return F.conv2d(x, self.tensors[f"{name}.weight"], **window)

    def norm(self, x, name):
        get = [self.tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        if self.training:
            self.tensors[f"{name}.num_batches_tracked"].add_(1)
        return F.batch_norm(x, *get, training=self.training)

    def unit(self, x, name, first, stride):
        main = f"{name}.branch_main_1"
        y = self.norm(self.conv(x, f"{main}.0", groups=1 if first else self.groups), f"{main}.1").relu()
        y = self.norm(self.conv(y, f"{main}.3", stride=stride, padding=1, groups=y.shape[1]), f"{main}.4")
        # Place p of the result holds channel (p mod n) * g + p div n, for n channels a group.
        per_group = y.shape[1] // self.groups
        y = y[:, [place % per_group * self.groups + place // per_group for place in range(y.shape[1])]]
        y = self.norm(self.conv(y, f"{name}.branch_main_2.0", groups=self.groups), f"{name}.branch_main_2.1")
        if stride == 1:
            return (x + y).relu()
        return torch.cat((F.avg_pool2d(x, 3, 2, padding=1), y.relu()), 1)

    def forward(self, x):
        x = self.norm(self.conv(x, "first_conv.0", stride=2, padding=1), "first_conv.1").relu()
        x = F.max_pool2d(x, 3, 2, padding=1)
        for index in range(16):
            x = self.unit(x, f"features.{index}", index == 0, 2 if index in (0, 4, 12) else 1)
        return x.mean((2, 3)) @ self.tensors["classifier.0.weight"].T


@pytest.mark.parametrize(("groups", "width_mult"), [(3, 0.5), (8, 0.5), (3, 1.0)])
def test_same_network_as_megvii(groups, width_mult):
    ours = fill(on_meta("shufflenet_v1", groups=groups, width_mult=width_mult, num_classes=7, **MEGVII))
    theirs = Megvii(ours.state_dict(), groups)
    for training in (False, True):
        for size in ((64, 64), (97, 70)):
            x = torch.randn(2, 3, *size)
            with torch.no_grad():
                a, b = ours.train(training)(x), theirs.train(training)(x)
            assert (a - b).abs().max() <= 1e-5 * max(1, b.abs().max())


def test_the_directions_differ():
    paper = fill(on_meta("shufflenet_v1", num_classes=7)).eval()
    x = torch.randn(1, 3, 64, 64)
    outputs = []
    for options in ({}, {"shuffle": "megvii"}, {"shuffle": "none"}, {"shortcut_first": True}):
        other = get_model("shufflenet_v1", num_classes=7, **options).eval()
        other.load_state_dict(paper.state_dict())
        outputs.append(other(x))
    assert torch.equal(outputs[0], paper(x))
    assert all((outputs[0] - output).abs().max() > 1e-3 for output in outputs[1:])


def test_keys_are_megviis():
    names = set(on_meta("shufflenet_v1", **MEGVII).state_dict())
    assert len(names) == 295
    assert {"first_conv.0.weight", "features.0.branch_main_1.0.weight", "features.0.branch_main_1.3.weight"} <= names
    assert {
        "features.15.branch_main_1.4.running_var",
        "features.15.branch_main_2.1.bias",
        "classifier.0.weight",
    } <= names
    assert names == set(on_meta("shufflenet_v1").state_dict()) - {"classifier.0.bias"}


def test_wrong_units():
    with pytest.raises(ValueError, match="stride should be 1 or 2 instead of 3"):
        ShuffleUnit(24, 240, 3, stride=3)
    with pytest.raises(ValueError, match="in_channels=24 and out_channels=240 should be equal for stride 1"):
        ShuffleUnit(24, 240, 3, stride=1)
