"""Squeeze-and-excitation: one gate a channel, computed from the whole image. Shared by SENet, MNASNet and GhostNet.

Hu, Shen, Albanie, Sun, Wu; 2019; arXiv:1709.01507, version 4; section 3, figures 1-3.
"""

from __future__ import annotations

from torch import Tensor, nn

from lightnets_edu.formulas.cost import CostTerms, Setting, Symbols, cost_formula
from lightnets_edu.formulas.layers import pointwise_conv2d
from lightnets_edu.models.layers import Activation, relu

# sigmoid: SENet and MNASNet. hard_sigmoid, relu6(x + 3) / 6: MobileNetV3 and GhostNet.
GATES = {"sigmoid": nn.Sigmoid, "hard_sigmoid": nn.Hardsigmoid}


class SqueezeExcitation(nn.Module):
    """x times gate(x), gate = sigmoid(expand(relu(reduce(mean of x over the image)))). Equations 2-4.

    The two fully connected layers are 1x1 convolutions with bias on a 1 x 1 map, as timm and Caffe have them.

    Args:
        channels: Channels of the input; each gets one gate.
        squeeze_channels: Channels between the two layers (SENet: channels / 16).
        gate: "sigmoid", or "hard_sigmoid".
        activation: Makes the non-linearity between the two layers.

    Shape:
        ``[N, channels, H, W] -> [N, channels, H, W]``

    Raises:
        ValueError: If the gate is not known.
    """

    def __init__(
        self, channels: int, squeeze_channels: int, gate: str = "sigmoid", activation: Activation = relu
    ) -> None:
        super().__init__()
        if gate not in GATES:
            raise ValueError(f"gate should be {' or '.join(map(repr, GATES))} instead of {gate!r}")
        self.fc1 = nn.Conv2d(channels, squeeze_channels, 1)
        self.activation = activation()
        self.fc2 = nn.Conv2d(squeeze_channels, channels, 1)
        self.gate = GATES[gate]()

    def gates(self, x: Tensor) -> Tensor:
        """One number from 0 to 1 a channel: ``[N, channels, H, W] -> [N, channels, 1, 1]``."""
        squeezed = x.mean((2, 3), keepdim=True)
        return self.gate(self.fc2(self.activation(self.fc1(squeezed))))

    def forward(self, x: Tensor) -> Tensor:
        """Each channel times its gate."""
        return x * self.gates(x)


@cost_formula(
    Setting("channels", "C", "channels of the map; each gets one gate"),
    Setting("squeeze_channels", r"C_\text{r}", "channels between the two layers of squeeze-and-excitation"),
)
def squeeze_excite(s: Symbols) -> CostTerms:
    """Squeeze-and-excitation's two layers, each a 1x1 convolution with bias on a 1 x 1 map
    (Hu et al. 2019, arXiv:1709.01507v4, sections 3.1-3.2, equations 2-4). By the rules of a network's total the mean
    before them and the scaling after them have no MACs, and their reads and writes are not counted.
    """
    one_pixel = {"bias": 1, "out_height": 1, "out_width": 1}
    reduce = pointwise_conv2d.terms(in_channels=s.channels, out_channels=s.squeeze_channels, **one_pixel)
    return reduce + pointwise_conv2d.terms(in_channels=s.squeeze_channels, out_channels=s.channels, **one_pixel)
