"""Wide ResNet for CIFAR: any depth and width, dropout."""

import pytest
import torch
from agreement import assert_layers_equal_count

from lightnets_edu import count, get_model
from lightnets_edu.models import wide_resnet


@pytest.mark.parametrize(("depth", "width", "size"), [(16, 10, 32), (28, 10, 37), (10, 1, 5), (22, 2, 18)])
def test_closed_forms_equal_the_count_block_by_block(depth, width, size):
    with torch.device("meta"):
        table = count(wide_resnet.WideResNet(depth, width, num_classes=7), (1, 3, size, size))
    assert_layers_equal_count(wide_resnet.layers(depth, width, num_classes=7, size=size), table)


def test_the_last_map_comes_after_the_last_relu():
    network = wide_resnet.WideResNet(10, 2).eval()
    assert network.feature_maps(torch.randn(1, 3, 33, 32))[4].min() == 0


def test_dropout_is_between_the_convolutions_and_only_in_training():
    block = wide_resnet.WideBasicBlock(4, 4, dropout=0.999999)
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(block.train()(x), x)
    assert not torch.equal(block.eval()(x), x)
    assert get_model("wide_resnet16_10", dropout=0.3).layer1[0].dropout.p == 0.3


@pytest.mark.parametrize(
    ("depth", "width", "sentence"),
    [(27, 10, "depth should be 6 N"), (4, 1, "depth should be 6 N"), (16, 0, "width should be at least 1")],
)
def test_wrong_options_are_refused(depth, width, sentence):
    with pytest.raises(ValueError, match=sentence):
        wide_resnet.WideResNet(depth, width)
