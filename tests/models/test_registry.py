"""What holds for every network of the registry, and for one that is new."""

import json

import pytest
import torch
from agreement import on_meta
from torch import nn

from lightnets_edu import count, get_model, list_models
from lightnets_edu.chapters.scoreboard import board
from lightnets_edu.cli import main
from lightnets_edu.formulas import conv2d, linear
from lightnets_edu.models import default_input_size, get_entry, model_options, network_layers, registry
from lightnets_edu.models.channel_shuffle import ChannelShuffle

# Enough to see every kind of layer; the others differ in width and depth only, and are counted below.
HUGE = ("101", "wide_resnet50", "28_10", "16_10", "6_4gf", "8_0gf", "12gf", "16gf", "32gf", "4_0gf", "3_2gf", "1_6gf")
TRAINED = [name for name in list_models() if not any(part in name for part in HUGE)]


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
        *_, last = model.feature_maps(images).values()
        assert torch.equal(model.forward_features(images), last)


def test_unknown_names_and_options_suggest_the_nearest():
    with pytest.raises(ValueError, match="there is no model 'mobilnet_v1': did you mean mobilenet_v1"):
        get_model("mobilnet_v1")
    with pytest.raises(ValueError, match="there is no model 'zzz': known are"):
        get_model("zzz")
    with pytest.raises(
        ValueError, match="no option 'widht_mult': did you mean 'width_mult'; it takes width_mult, num_c"
    ):
        get_model("mobilenet_v1", widht_mult=1)
    with pytest.raises(ValueError, match=r"mobilenet_v1 has no option 'stem_stride'.*it takes width_mult, num_classes"):
        network_layers("mobilenet_v1", stem_stride=1)
    with pytest.raises(ValueError, match=r"resnet50 has no option 'stem_pool': .*it takes num_classes, small_input"):
        get_model("resnet50", stem_pool="padded")  # its class takes it, but ResNet-50 has one


def test_options_that_cost_nothing_change_no_formula():
    plain, other = (list(network_layers("shufflenet_v1", 64, **o)) for o in ({}, {"shuffle": "none", "weights": None}))
    assert plain == other


# A network that is not in the book


class Toy(nn.Sequential):
    def __init__(self, channels: int, num_classes: int = 10, small_input: bool = False) -> None:
        convolution = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        super().__init__(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))


def toy_layers(channels, num_classes=10, *, size=64):
    maps = {"out_height": size, "out_width": size}
    yield "0", conv2d, {"in_channels": 3, "out_channels": channels, "kernel_size": 3, **maps}
    yield "3", linear, {"in_features": channels, "out_features": num_classes}


@pytest.fixture
def toy(monkeypatch):
    """One call of `register`, undone after the test."""
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    printed = registry.Printed("a slip of paper", read=True, params="300", top1=12.5, why="it was late")
    fixed, defaults = {"channels": 8}, {"num_classes": 5}
    registry.register(
        "toy8", Toy, toy_layers, family="Toys", input_size=64, fixed=fixed, defaults=defaults, printed=printed
    )


def test_a_new_network_is_everywhere(toy, capsys):
    params, macs = 3 * 9 * 8 + 8 * 5 + 5, 3 * 9 * 8 * 64**2 + 8 * 5
    assert list_models()[-1] == "toy8"
    defaults = {name: option.default for name, option in model_options("toy8").items()}
    assert defaults == {"num_classes": 5, "small_input": False, "weights": None}
    assert main(["count", "toy8", "--json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert (counted["params"], counted["macs"]) == (params, macs)
    row = board.scoreboard_rows()[-1]
    assert (row["network"], row["family"], row["image"], row["top1"]) == ("toy8", "Toys", 64, 12.5)
    assert (row["params"], row["macs"]) == (params, macs)
    assert ("toy8", "300", params, None, macs) in [line[:5] for line in board.claims_table().rows]
    with pytest.raises(ValueError, match="toy8 has no official weights"):
        get_model("toy8", weights="imagenet")


def test_it_is_gone_again():
    with pytest.raises(ValueError, match="there is no model 'toy8'"):
        get_entry("toy8")


def test_a_registration_that_does_not_fit_its_class_is_refused():
    with pytest.raises(TypeError, match="toy sets 'width', which its class does not take: it takes channels, num_cl"):
        registry.register("toy", Toy, toy_layers, family="Toys", fixed={"width": 8})
    with pytest.raises(TypeError, match="toy has no value for 'channels': its class has no default"):
        registry.register("toy", Toy, toy_layers, family="Toys")
    assert "toy" not in list_models()
