"""SENet against timm, in the two families of code."""

import pytest
import timm
import torch
from agreement import assert_layers_equal_count, assert_same_outputs, fill, published, shared_state

from lightnets_edu import count, get_model
from lightnets_edu.models import senet
from lightnets_edu.models.key_maps import cadene_senet
from lightnets_edu.models.squeeze_excitation import SqueezeExcitation

TIMM = {"stride_in": "3x3", "stem_pool": "padded"}
RESNEXT = {"groups": 32, "group_width": 4}


def on_meta(name, **options):
    with torch.device("meta"):
        return get_model(name, **options)


@pytest.mark.parametrize(
    ("options", "variant"),
    [({}, "SE-ResNet-50 (stride in 1st 1x1, v1)"), (TIMM, "SE-ResNet-50 (stride in 3x3, v1.5)")],
)
def test_the_published_numbers(options, variant):
    row = published("SENet", variant)
    table = count(on_meta("se_resnet50", **options))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])


@pytest.mark.parametrize(
    ("name", "options", "other"),
    [
        ("se_resnet50", TIMM, "seresnet50"),
        ("se_resnext50_32x4d", TIMM, "seresnext50_32x4d"),
        ("se_resnet50", {}, "legacy_seresnet50"),
        ("se_resnext50_32x4d", {}, "legacy_seresnext50_32x4d"),
    ],
)
def test_same_outputs_as_timm(name, options, other):
    with torch.device("meta"):
        theirs = timm.create_model(other, drop_rate=0.0)  # the legacy ones have 0.2, for SENet-154
    theirs = fill(theirs)
    state = shared_state(theirs)
    if other.startswith("legacy"):
        state = cadene_senet(state)
    ours = on_meta(name, **options)
    ours.load_state_dict(state, assign=True)
    assert_same_outputs(ours, theirs, [(33, 47), (48, 40)])


@pytest.mark.parametrize("size", [224, 75])
def test_closed_forms_equal_the_count_block_by_block(size):
    for options in ({}, TIMM):
        table = count(on_meta("se_resnet50", **options), (1, 3, size, size))
        assert_layers_equal_count(senet.layers(size=size, **options), table)
        table = count(on_meta("se_resnext50_32x4d", **{"stride_in": "3x3", **options}), (1, 3, size, size))
        assert_layers_equal_count(senet.layers(size=size, **RESNEXT, **{"stride_in": "3x3", **options}), table)


def test_the_module_is_the_papers_equations():
    module = SqueezeExcitation(6, 2)
    x = torch.randn(2, 6, 5, 3)
    z = x.flatten(2).mean(2)  # equation 2
    hidden = (z @ module.fc1.weight.flatten(1).T + module.fc1.bias).clamp(min=0)
    s = 1 / (1 + torch.exp(-(hidden @ module.fc2.weight.flatten(1).T + module.fc2.bias)))  # equation 3
    assert torch.allclose(module.gates(x).flatten(1), s, atol=1e-6)
    assert torch.allclose(module(x), x * s[:, :, None, None], atol=1e-6)  # equation 4


def test_the_options_of_the_module():
    module = SqueezeExcitation(
        4, 2, gate="hard_sigmoid", activation=torch.nn.SiLU, names=("conv_reduce", "conv_expand")
    )
    assert list(module.state_dict()) == [
        "conv_reduce.weight",
        "conv_reduce.bias",
        "conv_expand.weight",
        "conv_expand.bias",
    ]
    x = 20 * torch.randn(3, 4, 2, 2)
    y = module.conv_expand(torch.nn.functional.silu(module.conv_reduce(x.mean((2, 3), keepdim=True))))
    assert torch.allclose(module.gates(x), torch.clamp((y + 3) / 6, 0, 1), atol=1e-6)
    with pytest.raises(ValueError, match="gate should be 'sigmoid' or 'hard_sigmoid' instead of 'tanh'"):
        SqueezeExcitation(4, 2, gate="tanh")


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="stride_in should be"):
        get_model("se_resnet50", stride_in="first")
