"""ResNeXt: its settings of equal complexity, and its block in three forms."""

import pytest
import torch

from lightnets_edu import count
from lightnets_edu.models import resnext
from lightnets_edu.models.cost import network_cost

# Xie et al., table 2 (left) gives the widths of the bottleneck; parameters and MACs as in the reference numbers.
PAPER = {(1, 64): (25.56, 4.089), (2, 40): (25.43, 4.125), (4, 24): (25.29, 4.160), (8, 14): (25.60, 4.267)}
PAPER |= {(32, 4): (25.03, 4.230)}


@pytest.mark.parametrize("setting", resnext.EQUAL_COMPLEXITY)
def test_settings_of_equal_complexity(setting):
    cardinality, width = setting
    with torch.device("meta"):
        network = resnext.ResNeXt(cardinality=cardinality, bottleneck_width=width)
    table = count(network)
    assert (round(table.params / 1e6, 2), round(table.macs / 1e9, 3)) == PAPER[setting]
    cost = network_cost(resnext.layers(cardinality=cardinality, bottleneck_width=width))
    assert (cost.params, cost.macs, cost.activations) == (table.params, table.macs, table.activations)
    convolution = network.layer1[0].conv2
    assert (convolution.groups, convolution.out_channels) == (cardinality, cardinality * width)


def forms(settings):
    """The three blocks with the same weights, in float64."""
    c = resnext.BlockFormC(**settings).double()
    with torch.no_grad():
        for tensor in (*c.parameters(), *(b for b in c.buffers() if b.is_floating_point())):
            tensor.uniform_(0.5, 1.5) if tensor.dim() == 1 else tensor.normal_(std=0.3)
    a, b = resnext.BlockFormA(**settings).double(), resnext.BlockFormB(**settings).double()
    a.load_state_dict(resnext.form_a_state(c.state_dict(), settings["cardinality"]))
    b.load_state_dict(resnext.form_b_state(c.state_dict(), settings["cardinality"]))
    return a, b, c


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"in_channels": 256, "out_channels": 256, "cardinality": 32, "bottleneck_width": 4},
        {"in_channels": 24, "out_channels": 40, "cardinality": 5, "bottleneck_width": 3, "stride": 2},
        {"in_channels": 16, "out_channels": 16, "cardinality": 1, "bottleneck_width": 8},
    ],
)
def test_the_three_forms_are_one_function(settings, training):
    a, b, c = (block.train(training) for block in forms(settings))
    x = torch.randn(3, settings["in_channels"], 9, 7, dtype=torch.float64)
    inputs = [x.clone().requires_grad_() for _ in range(3)]
    outputs = [block(each) for block, each in zip((a, b, c), inputs, strict=True)]
    weight = torch.randn_like(outputs[0])
    for output in outputs:
        (output * weight).sum().backward()
    assert outputs[2].abs().max() > 0.1
    gradients = {name: parameter.grad for name, parameter in c.named_parameters()}
    for block, output, each, mapping in (
        (a, outputs[0], inputs[0], resnext.form_a_state),
        (b, outputs[1], inputs[1], resnext.form_b_state),
    ):
        assert (output - outputs[2]).abs().max() <= 1e-12 * outputs[2].abs().max()
        assert (each.grad - inputs[2].grad).abs().max() <= 1e-12 * inputs[2].grad.abs().max()
        mapped = mapping(gradients, settings["cardinality"])
        own = dict(block.named_parameters())
        assert mapped.keys() == own.keys()
        for name, gradient in mapped.items():
            assert (own[name].grad - gradient).abs().max() <= 1e-12 * max(1, gradients["conv1.weight"].abs().max())
        # Batch norms saw the same maps: in training mode their running statistics have moved alike.
        state = block.state_dict()
        for name, tensor in mapping(c.state_dict(), settings["cardinality"]).items():
            assert torch.allclose(state[name], tensor, rtol=1e-12, atol=1e-12)


def test_what_the_three_forms_cost():
    # 256 -> 128 -> 256 at 14 x 14: the same parameters and MACs; form A writes 32 full outputs.
    settings = {"in_channels": 256, "out_channels": 256}
    tables = [count(form(**settings), (1, 256, 14, 14)) for form in (resnext.BlockFormA, resnext.BlockFormB)]
    tables.append(count(resnext.BlockFormC(**settings), (1, 256, 14, 14)))
    assert [table.params for table in tables] == [71_168] * 3
    assert [table.macs for table in tables] == [13_748_224] * 3
    assert [table.activations for table in tables] == [1_655_808, 100_352, 100_352]
    assert [sum(row.group == "convolution" for row in table.rows) for table in tables] == [96, 65, 3]


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="cardinality should be at least 1 instead of 0"):
        resnext.ResNeXt(cardinality=0)
    with pytest.raises(ValueError, match=r"bottleneck_width should be a whole number instead of 4\.5"):
        resnext.ResNeXt(bottleneck_width=4.5)
