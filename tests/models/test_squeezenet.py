"""SqueezeNet's complex bypass against a restatement."""

import pytest
import torch
from agreement import assert_same_outputs, fill, on_meta
from torch import nn
from torch.nn import functional as F

from lightnets_edu.models.squeezenet import Fire


class ComplexBypass(nn.Module):
    """SqueezeNet 1.0 as the paper's figure 2 (right) draws it."""

    def __init__(self, state):
        super().__init__()
        self.state = state

    def conv(self, x, name, **window):
        return F.conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], **window)

    def fire(self, x, index, has_convolution):
        name = f"features.{index}"
        squeezed = self.conv(x, f"{name}.squeeze").relu()
        expanded = [
            self.conv(squeezed, f"{name}.expand1x1"),
            self.conv(squeezed, f"{name}.expand3x3", padding=1),
        ]
        return torch.cat(expanded, 1).relu() + (self.conv(x, f"{name}.bypass") if has_convolution else x)

    def forward(self, x):
        x = self.conv(x, "features.0", stride=2).relu()
        for index in range(2, 13):
            if index in (2, 6, 11):
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            else:  # fire2, 4, 6 and 8 are bypassed by a convolution, fire3, 5, 7 and 9 by nothing
                x = self.fire(x, index, has_convolution=index in (3, 5, 8, 10))
        return self.conv(x, "classifier.1").relu().mean((2, 3))


def test_complex_bypass_is_the_papers():
    ours = fill(on_meta("squeezenet1_0", bypass="complex", dropout=0.0))
    assert_same_outputs(ours, ComplexBypass(ours.state_dict()), ((96, 96), (131, 70)), tolerance=1e-5)
    added = set(ours.state_dict()) - set(on_meta("squeezenet1_0", bypass="simple").state_dict())
    assert added == {f"features.{n}.bypass.{part}" for n in (3, 5, 8, 10) for part in ("weight", "bias")}


def test_wrong_bypass():
    with pytest.raises(ValueError, match="in_channels=96 should be the number of output channels, 64"):
        Fire(96, 16, 64, 64, bypass="simple")
