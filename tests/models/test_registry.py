"""What holds for every network of the registry."""

import pytest
import torch
from torch import nn

from lightnets_edu import count, get_model, list_models
from lightnets_edu.models import default_input_size, model_options
from lightnets_edu.models.channel_shuffle import ChannelShuffle

# Enough to see every kind of layer; the others differ in width and depth only, and are counted below.
HUGE = ("101", "wide_resnet50", "28_10", "16_10", "6_4gf", "8_0gf", "12gf", "16gf", "32gf", "4_0gf", "3_2gf", "1_6gf")
TRAINED = [name for name in list_models() if not any(part in name for part in HUGE)]


def on_meta(name: str, **options) -> nn.Module:
    with torch.device("meta"):
        return get_model(name, **options)


@pytest.mark.parametrize("name", list_models())
def test_every_network_counts_itself_and_uses_all_it_registers(name):
    model = on_meta(name)
    side = default_input_size(name)
    table = count(model, (1, 3, side, side))
    assert table.unused == ()
    assert table.params == sum(p.numel() for p in model.parameters()) == sum(row.params for row in table.rows)
    reached = {row.path for row in table.rows}
    idle = (nn.Identity, nn.Dropout, nn.Dropout2d, ChannelShuffle)  # they compute nothing
    leaves = {path for path, m in model.named_modules() if not list(m.children()) and not isinstance(m, idle)}
    assert leaves <= reached, f"registered, but never run: {leaves - reached}"
    assert table.rows[-1].activations == model_options(name)["num_classes"].default


@pytest.mark.parametrize("name", list_models())
def test_every_network_has_the_common_options(name):
    options = model_options(name)
    assert {"num_classes", "small_input"} <= set(options)
    assert all(option.default is not option.empty for option in options.values())
    model = on_meta(name, num_classes=7, small_input=True)
    assert count(model, (1, 3, 32, 32)).rows[-1].activations == 7


@pytest.mark.parametrize("name", list_models())
def test_every_network_is_a_backbone(name):
    small = default_input_size(name) == 32
    side = 64 if small else 256
    model = on_meta(name).eval()
    maps = model.feature_maps(torch.empty(1, 3, side, side, device="meta"))
    assert set(maps) >= ({1, 2, 4} if small else {8, 16} if "alexnet" in name or "squeezenet" in name else {8, 16, 32})
    last = list(maps.values())[-1]
    assert model.forward_features(torch.empty(1, 3, side, side, device="meta")).shape == last.shape


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_step_reaches_every_parameter_and_the_weights_survive_a_round_trip(name):
    """The step stays small whatever the last digits of a processor's sums are.

    Four images: a batch norm that sees two values divides by their difference, which may be next to nothing. And the
    gradient is cut to length 1.
    """
    torch.manual_seed(0)
    model = get_model(name, num_classes=4, small_input=True).train()
    images = torch.randn(4, 3, 64, 64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    nn.functional.cross_entropy(model(images), torch.tensor([1, 3, 0, 2])).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()] == []
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    assert any(not torch.equal(before[n], p) for n, p in model.named_parameters())
    twin = get_model(name, num_classes=4, small_input=True)
    twin.load_state_dict(model.state_dict(), strict=True)
    with torch.no_grad():
        outputs = model.eval()(images)
        assert torch.isfinite(outputs).all() and torch.equal(twin.eval()(images), outputs)


def test_unknown_names_and_options_suggest_the_nearest():
    with pytest.raises(ValueError, match="there is no model 'mobilnet_v1': did you mean mobilenet_v1"):
        get_model("mobilnet_v1")
    with pytest.raises(ValueError, match="there is no model 'zzz': known are"):
        get_model("zzz")
    with pytest.raises(
        ValueError, match="no option 'widht_mult': did you mean 'width_mult'; it takes width_mult, num_c"
    ):
        get_model("mobilenet_v1", widht_mult=1)
