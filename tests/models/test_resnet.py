"""ResNet and the networks that share its body: every option of the stem and the stride."""

import pytest
import torch
from agreement import assert_layers_equal_count, on_meta

from lightnets_edu import count
from lightnets_edu.models import resnet


@pytest.mark.parametrize("stem_pool", ["padded", "ceil"])
@pytest.mark.parametrize("stride_in", ["1x1", "3x3"])
@pytest.mark.parametrize("size", [31, 32, 33, 34, 35, 36])
def test_closed_forms_of_every_option_at_every_remainder(size, stride_in, stem_pool):
    for small_input in (False, True):
        options = {"stride_in": stride_in, "stem_pool": stem_pool, "small_input": small_input}
        with torch.device("meta"):
            table = count(resnet.ResNet((1, 2, 1, 1), 4, 8, 7, **options), (1, 3, size, size))
        layers = resnet.layers((1, 2, 1, 1), 4, 8, num_classes=7, **options, size=size)
        assert_layers_equal_count(layers, table)


def test_the_stride_of_the_paper():
    # He et al., table 1: 3.8 billion multiply-adds; the published SE-ResNet-50 without its gates.
    assert count(on_meta("resnet50", stride_in="1x1")).macs == 3_857_973_248
    block = resnet.Bottleneck(256, 128, 512, stride=2, stride_in="1x1")
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"stride_in": "5x5"}, "stride_in should be '1x1' .* or '3x3' instead of '5x5'"),
        ({"stem_pool": "max"}, "stem_pool should be 'padded' or 'ceil' instead of 'max'"),
        ({"depths": (3, 4)}, "depths should be the blocks of 4 stages"),
        ({"groups": 0}, "groups should be at least 1 instead of 0"),
        ({"group_width": 1.5}, "group_width should be a whole number instead of 1.5"),
    ],
)
def test_wrong_options_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        resnet.ResNet(**{"depths": (1, 1, 1, 1), **options})


def test_images_that_are_too_small_are_refused():
    network = resnet.ResNet((1, 1, 1, 1), stem_pool="ceil").eval()
    with pytest.raises(ValueError, match="at least 3 x 3 pixels instead of 2 x 5"):
        network(torch.randn(1, 3, 2, 5))
    assert network(torch.randn(1, 3, 3, 3)).shape == (1, 1000)
    with pytest.raises(ValueError, match="images of shape"):
        network(torch.randn(3, 32, 32))
