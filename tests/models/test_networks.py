"""Every network against its witnesses: published numbers, its closed form, other people's code, its feature maps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import timm
import torch
import torchvision
from agreement import (
    MODELS,
    assert_layers_equal_count,
    assert_same_outputs,
    fill,
    on_meta,
    shared_state,
    timm_regnet_names,
)
from pytorchcv.models import shufflenet, squeezenet, wrn_cifar
from torch import nn

from lightnets_edu import count, get_model, list_models
from lightnets_edu.models import default_input_size, network_layers
from lightnets_edu.models.key_maps import KEY_MAPS

# --- Published numbers ------------------------------------------------------------------------------------------------

MEGVII_V1 = {"shuffle": "megvii", "shortcut_first": True, "classifier_bias": False}
TIMM_SENET = {"stride_in": "3x3", "stem_pool": "padded"}
NAMES = {
    # model, variant: our name, options
    ("AlexNet", "one-weird-trick (OWT)"): ("alexnet", {}),
    ("AlexNet", "2012 grouped (Caffe bvlc)"): ("alexnet_2012", {}),
    ("AlexNet", "2012 channels, no groups"): ("alexnet_2012", {"groups": 1}),
    ("ResNet", "50"): ("resnet50", {}),
    ("WideResNet", "50-2"): ("wide_resnet50_2", {}),
    ("WideResNet", "CIFAR WRN-28-10 (10 cls)"): ("wide_resnet28_10", {}),
    ("SENet", "SE-ResNet-50 (stride in 1st 1x1, v1)"): ("se_resnet50", {}),
    ("SENet", "SE-ResNet-50 (stride in 3x3, v1.5)"): ("se_resnet50", TIMM_SENET),
    ("MNASNet", "0.5 (B1)"): ("mnasnet0_5", {}),
    ("MNASNet", "1.0 (B1)"): ("mnasnet1_0", {}),
    ("MNASNet", "B1 1.0"): ("mnasnet1_0", {}),
    ("MNASNet", "A1 1.0 (with SE)"): ("mnasnet_a1", {}),
}


def ours(row: dict) -> tuple[str, dict[str, Any]] | None:
    """A published row's network: our name and options; None for one that is not in the book."""
    model, variant, source = row["model"], row["variant"], row["source_impl"].split()[0]
    if model == "SqueezeNet" and "conv10 pad" not in variant:
        version, _, bypass = variant.partition(" + ")
        return f"squeezenet{version.replace('.', '_')}", {"bypass": bypass.removesuffix(" bypass") or "none"}
    if model == "ResNeXt":
        return f"resnext{variant.replace(' ', '_')}", {}
    if model == "MobileNetV1":
        return "mobilenet_v1", {"width_mult": float(variant.split()[0].removeprefix("alpha="))}
    if model == "ShuffleNetV1":
        width, _, groups = variant.partition("x g=")
        options = {"groups": int(groups), "width_mult": float(width)}
        narrow_stem = {"stem_channels": 24} if width == "1.5" else {}
        return "shufflenet_v1", options | (MEGVII_V1 | narrow_stem if source.startswith("megvii") else {})
    if model == "ShuffleNetV2" and source != "pytorchcv":
        name = f"shufflenet_v2_x{variant.removesuffix('x').replace('.', '_')}"
        return name, {"variant": "megvii" if source.startswith("megvii") else "torchvision"}
    if model == "GhostNet" and source != "pytorchcv":
        return "ghostnet", {}
    if model == "RegNetX" and source == "timm":
        return f"regnet_x_{variant.lower().replace('.', '_')}", {}
    if model == "G-Ghost RegNetX":
        return f"g_ghost_regnet_x_{variant.lower().replace('.', '_')}", {}
    return NAMES.get((model, variant))


ROWS = [row for row in MODELS if ours(row)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']} {row['variant']} {row['source_impl'][:9]}")
def test_published_numbers_are_counted(row):
    name, options = ours(row)
    table = count(on_meta(name, **options), (1, 3, row["resolution"], row["resolution"]))
    assert (table.params, table.macs, table.activations) == (row["params"], row["macs"], row["activations"])


def test_no_other_row_is_left_out():
    """Other people's variants of the book's networks, and networks that are not in it."""
    assert {(row["model"], row["variant"], row["source_impl"].split()[0]) for row in MODELS if not ours(row)} == {
        ("SqueezeNet", "1.0 Caffe conv10 pad=1", "independent"),
        ("WideResNet", "50-2 (biased convs)", "pytorchcv"),
        ("ShuffleNetV2", "1.0x (shufflenetv2_w1)", "pytorchcv"),
        ("ShuffleNetV2", "1.0x (shufflenetv2b_w1)", "pytorchcv"),
        ("ShuffleNetV2", "2.0x (shufflenetv2b_w2)", "pytorchcv"),
        ("SENet", "SE-ResNet-50 (v1)", "pytorchcv"),
        ("SENet", "SE-ResNet-50b (v1.5)", "pytorchcv"),
        ("SENet", "SENet-154", "timm"),
        ("GhostNet", "1.0x", "pytorchcv"),
        *(("Ghost-ResNet50", f"s={s},d=3", "huawei-noah/Efficient-AI-Backbones@f90e129") for s in (2, 4)),
        *(("RegNetX", size, "torchvision") for size in ("400mf", "800mf", "3.2GF", "8GF", "16GF")),
        ("MobileNetV2", "1.0", "torchvision"),
        ("MobileNetV2", "0.5", "timm"),
        ("MobileNetV2", "1.4", "timm"),
        ("MobileNetV3", "Large 1.0", "torchvision"),
        ("MobileNetV3", "Small 1.0", "torchvision"),
    }


# --- Closed forms -----------------------------------------------------------------------------------------------------

# Options whose closed form is checked layer by layer, beside the defaults and those of small images.
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "alexnet_2012": [{"groups": 1}],
    "squeezenet1_0": [{"bypass": "simple"}, {"bypass": "complex"}],
    "squeezenet1_1": [{"bypass": "simple"}, {"bypass": "complex"}],
    "mobilenet_v1": [{"width_mult": 0.35}],
    "shufflenet_v1": [
        *({"groups": g, "width_mult": w} for g in (1, 2, 3, 4, 8) for w in (0.25, 0.5, 1.0, 1.37, 2.0)),
        {"width_mult": 1.5, "stem_channels": 24, **MEGVII_V1},
    ],
    "se_resnet50": [TIMM_SENET],
    "se_resnext50_32x4d": [TIMM_SENET],
    **{name: [{"variant": "megvii"}] for name in list_models() if name.startswith("shufflenet_v2")},
    "efficientnet_lite0": [{"width_mult": 0.35}],
    "ghostnet": [{"width_mult": 1.3}, {"width_mult": 0.35, "ratio": 3, "cheap_kernel_size": 5}],
    **{name: [{"variant": "paper"}] for name in list_models() if name.startswith("g_ghost")},
}


@pytest.mark.parametrize("name", list_models())
def test_closed_forms_equal_the_count_layer_by_layer(name):
    for options in [{}, *OPTIONS.get(name, [])]:
        model = on_meta(name, **options)
        for size in (default_input_size(name), 97, 32 if "squeezenet" in name else 75):
            layers = network_layers(name, size, **options)
            assert_layers_equal_count(layers, count(model, (1, 3, size, size)))
        small = options | {"num_classes": 10, "small_input": True}
        layers = network_layers(name, 33, **small)
        assert_layers_equal_count(layers, count(on_meta(name, **small), (1, 3, 33, 33)))


# --- Other people's code ----------------------------------------------------------------------------------------------


@dataclass
class Other:
    """Somebody else's network, and how it becomes ours."""

    build: Callable[..., nn.Module]
    options: dict[str, Any] = field(default_factory=dict)  # ours
    renamed: Callable[[dict], dict] = dict
    sizes: tuple[tuple[int, int], ...] = ((64, 64), (97, 70))
    tolerance: float = 0.0


def by_order(name: str, **options: Any) -> Callable[[dict], dict]:
    """Names of ours for tensors in the same order."""
    return lambda state: dict(zip(on_meta(name, **options).state_dict(), state.values(), strict=True))


def any_size(build: Callable[..., nn.Module], **options: Any) -> Callable[[], nn.Module]:
    """pytorchcv's network for images of all sizes (theirs fit one size only), without dropout."""

    def build_other() -> nn.Module:
        network = build(**options)
        (
            network.features if hasattr(network.features, "final_pool") else network.output
        ).final_pool = nn.AdaptiveAvgPool2d(1)
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        return network

    return build_other


def wide_resnet_names(state: dict) -> dict:
    """pytorchcv's names, such as ``features.stage1.unit1.body.conv1.bn.weight``, to ours: ``layer1.0.bn1.weight``."""

    def renamed(name: str) -> str:
        name = name.replace("output.", "fc.")
        name = name.replace("features.init_block.", "conv1.").replace("features.post_activ.bn.", "bn1.")
        head, _, rest = name.partition(".unit")
        if not rest:
            return name
        unit, rest = rest.split(".", 1)
        rest = rest.replace("body.", "").replace("identity_conv.", "shortcut.")
        for i in "12":
            rest = rest.replace(f"conv{i}.bn.", f"bn{i}.").replace(f"conv{i}.conv.", f"conv{i}.")
        return f"layer{head.removeprefix('features.stage')}.{int(unit) - 1}.{rest}"

    return {renamed(name): tensor for name, tensor in state.items()}


vision = torchvision.models
timms = partial(partial, timm.create_model)
DRY = {"dropout": 0.0}
SEVEN = {"num_classes": 7}
SMALL = ((33, 47), (48, 40))
OTHERS = [
    ("alexnet", Other(partial(vision.alexnet, **SEVEN, **DRY), SEVEN | DRY, sizes=((63, 96), (160, 131)))),
    ("resnext101_32x4d", Other(timms("resnext101_32x4d"), sizes=SMALL)),
    ("wide_resnet16_10", Other(any_size(wrn_cifar.wrn16_10_cifar10), {}, wide_resnet_names, ((16, 13), (32, 32)))),
    ("wide_resnet28_10", Other(any_size(wrn_cifar.wrn28_10_cifar10), {}, wide_resnet_names, ((9, 12), (16, 16)))),
    ("se_resnet50", Other(timms("seresnet50", drop_rate=0.0), TIMM_SENET, sizes=SMALL)),
    ("se_resnext50_32x4d", Other(timms("seresnext50_32x4d", drop_rate=0.0), TIMM_SENET, sizes=SMALL)),
    ("regnet_x_200mf", Other(timms("regnetx_002"), {}, timm_regnet_names, ((64, 64), (97, 75)))),
    ("regnet_x_600mf", Other(timms("regnetx_006"), {}, timm_regnet_names, ((64, 64), (97, 75)))),
]
for name in (
    "resnet50",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
):
    OTHERS.append((name, Other(getattr(vision, name), sizes=SMALL)))
for name, simple in (
    ("squeezenet1_0", squeezenet.squeezeresnet_v1_0),
    ("squeezenet1_1", squeezenet.squeezeresnet_v1_1),
):
    sizes = ((96, 96), (131, 70))
    OTHERS.append((name, Other(partial(getattr(vision, name), **DRY), DRY, sizes=sizes)))
    OTHERS.append((name, Other(any_size(simple), {"bypass": "simple", **DRY}, by_order(name), sizes)))
relu6 = {"num_classes": 10, "activation": "relu6"}
OTHERS.append(("mobilenet_v1", Other(timms("mobilenetv1_100", num_classes=10), relu6, sizes=((224, 224), (113, 113)))))
for suffix, groups, width in (
    ("w1", 1, 1.0),
    ("w1", 2, 1.0),
    ("w1", 3, 1.0),
    ("w1", 4, 1.0),
    ("w1", 8, 1.0),
    ("wd4", 3, 0.25),
    ("w3d4", 1, 0.75),
):
    build = any_size(getattr(shufflenet, f"shufflenet_g{groups}_{suffix}"), **SEVEN)
    options = {"groups": groups, "width_mult": width, **SEVEN}
    OTHERS.append(("shufflenet_v1", Other(build, options, by_order("shufflenet_v1", **options))))
for name, other in (("se_resnet50", "legacy_seresnet50"), ("se_resnext50_32x4d", "legacy_seresnext50_32x4d")):
    OTHERS.append((name, Other(timms(other, drop_rate=0.0), {}, KEY_MAPS["cadene_senet"], SMALL)))
for name in ("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0"):
    OTHERS.append((name, Other(partial(getattr(vision, name), **SEVEN), SEVEN)))
for name in ("mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"):
    build = partial(getattr(vision, name), **SEVEN, **DRY)
    OTHERS.append((name, Other(build, SEVEN | DRY, KEY_MAPS["torchvision_mnasnet"])))
for name, other in (("mnasnet_a1", "semnasnet_100"), ("mnasnet_small", "mnasnet_small")):
    options = {"norm_momentum": 0.1, **DRY}
    OTHERS.append((name, Other(timms(other), options, KEY_MAPS["timm_mnasnet"], tolerance=1e-6)))
options = {"norm_momentum": 0.1, **DRY}
build = timms("tf_efficientnet_lite0", drop_rate=0.0)
OTHERS.append(("efficientnet_lite0", Other(build, options, KEY_MAPS["timm_mnasnet"], ((224, 224), (97, 70), (33, 1)))))
for width, other in ((0.5, "ghostnet_050"), (1.0, "ghostnet_100"), (1.3, "ghostnet_130")):
    build, options = timms(other, drop_rate=0.0), {"width_mult": width, **DRY}
    OTHERS.append(("ghostnet", Other(build, options, KEY_MAPS["official_ghostnet"], ((64, 64), (97, 75)))))


@pytest.mark.parametrize(("name", "other"), OTHERS)
def test_outputs_are_those_of_another_implementation(name, other):
    with torch.device("meta"):
        theirs = other.build()
    theirs = fill(theirs)
    network = on_meta(name, **other.options)
    network.load_state_dict(other.renamed(shared_state(theirs)), assign=True)
    assert_same_outputs(network, theirs, other.sizes, other.tolerance)


# --- Feature maps -----------------------------------------------------------------------------------------------------


def halving(channels: tuple[int, ...], size: tuple[int, int], first: int = 2) -> dict[int, tuple[int, ...]]:
    """Maps of these channels, each half as large as the one before: {stride: (channels, height, width)}."""
    strides = [first * 2**i for i in range(len(channels))]
    return {s: (c, -(-size[0] // s), -(-size[1] // s)) for s, c in zip(strides, channels, strict=True)}


GHOSTNET, REGNET = (16, 24, 40, 112, 960), (32, 24, 56, 152, 368)
FEATURE_MAPS = [
    # name, options, size, {stride: channels, height, width} or, where each map is half of the one before, the channels
    ("alexnet", {}, (224, 224), {4: (64, 55, 55), 8: (192, 27, 27), 16: (256, 13, 13), 32: (256, 6, 6)}),
    ("alexnet_2012", {}, (227, 227), {4: (96, 55, 55), 8: (256, 27, 27), 16: (256, 13, 13), 32: (256, 6, 6)}),
    ("squeezenet1_0", {}, (224, 224), {2: (96, 109, 109), 4: (256, 54, 54), 8: (512, 27, 27), 16: (512, 13, 13)}),
    ("squeezenet1_1", {}, (224, 224), {2: (64, 111, 111), 4: (128, 55, 55), 8: (256, 27, 27), 16: (512, 13, 13)}),
    ("mobilenet_v1", {}, (64, 96), (64, 128, 256, 512, 1024)),
    ("shufflenet_v1", {"groups": 4}, (225, 224), (24, 24, 272, 544, 1088)),
    ("shufflenet_v1", {"small_input": True}, (32, 32), (24, 240, 480, 960)),
    ("shufflenet_v2_x1_5", {}, (225, 224), (24, 24, 176, 352, 1024)),
    ("mnasnet_a1", {}, (225, 224), (16, 24, 40, 112, 1280)),
    ("efficientnet_lite0", {}, (225, 224), (16, 24, 40, 112, 1280)),
    ("ghostnet", {}, (70, 41), GHOSTNET),
    ("ghostnet", {"small_input": True}, (70, 41), GHOSTNET),
    ("regnet_x_200mf", {}, (70, 41), REGNET),
    ("regnet_x_200mf", {"small_input": True}, (70, 41), REGNET),
    ("g_ghost_regnet_x_200mf", {}, (70, 41), REGNET),
    ("g_ghost_regnet_x_200mf", {"small_input": True}, (70, 41), REGNET),
    ("g_ghost_regnet_x_200mf", {"variant": "paper"}, (70, 41), REGNET),
    ("g_ghost_regnet_x_200mf", {"variant": "paper", "small_input": True}, (70, 41), REGNET),
    ("resnet50", {}, (65, 96), (64, 256, 512, 1024, 2048)),
    ("resnet50", {"small_input": True}, (32, 32), (256, 512, 1024, 2048)),
    ("wide_resnet16_10", {"small_input": True}, (33, 32), (160, 320, 640)),
]


@pytest.mark.parametrize(("name", "options", "size", "expected"), FEATURE_MAPS)
def test_feature_maps_have_their_strides_and_sizes(name, options, size, expected):
    if isinstance(expected, tuple):  # the channels of maps with padding: each is half as large as the one before
        expected = halving(expected, size, first=1 if options.get("small_input") else 2)
    maps = on_meta(name, **options).eval().feature_maps(torch.zeros(1, 3, *size, device="meta"))
    assert {stride: tuple(x.shape[1:]) for stride, x in maps.items()} == expected


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "smallest", "small_smallest"),
    [("alexnet", 63, 15), ("alexnet_2012", 67, 15), ("squeezenet1_0", 21, 4), ("squeezenet1_1", 17, 4)],
)
def test_images_below_the_smallest_are_refused(name, smallest, small_smallest):
    for options, least in (({}, smallest), ({"small_input": True}, small_smallest)):
        model = on_meta(name, **options)
        assert model(torch.zeros(1, 3, least, 99, device="meta")).shape == (1, 1000)
        for height, width in ((least - 1, 99), (99, least - 1)):
            sentence = f"at least {least} x {least} pixels instead of {height} x {width}"
            with pytest.raises(ValueError, match=sentence):
                model(torch.zeros(1, 3, height, width, device="meta"))


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        *(("alexnet_2012", {"groups": groups}, r"groups should be 2 .* or 1") for groups in (0, 3, 2.0, "2")),
        ("squeezenet1_0", {"bypass": "both"}, "bypass should be 'none', 'simple' or 'complex' instead of 'both'"),
        ("mobilenet_v1", {"activation": "gelu"}, "activation should be 'relu' or 'relu6' instead of 'gelu'"),
        ("mobilenet_v1", {"width_mult": 0}, "width_mult should be larger than 0 instead of 0"),
        ("mobilenet_v1", {"width_mult": "wide"}, "width_mult should be a number such as 0.5 instead of 'wide'"),
        ("shufflenet_v1", {"groups": 5}, "groups should be 1, 2, 3, 4 or 8, .* instead of 5"),
        ("shufflenet_v1", {"groups": 3.0}, "instead of 3.0"),
        ("shufflenet_v1", {"groups": 8, "width_mult": 0.01}, "width_mult=0.01 is too small for groups=8"),
        ("shufflenet_v1", {"width_mult": 0}, "width_mult should be larger than 0"),
        ("shufflenet_v1", {"shuffle": "inverse"}, "shuffle should be 'paper', 'megvii' or 'none' instead of 'inverse'"),
        ("shufflenet_v1", {"groups": 8, "stem_channels": 12}, "groups=8 does not divide stem_channels=12"),
        ("shufflenet_v1", {"stem_channels": 240}, "from 1 to 239 instead of 240"),
        ("shufflenet_v1", {"stem_channels": 24.0}, "instead of 24.0"),
        ("se_resnet50", {"stride_in": "first"}, "stride_in should be"),
        ("shufflenet_v2_x1_0", {"variant": "paper"}, "variant should be 'torchvision' or 'megvii' instead of 'paper'"),
        ("ghostnet", {"ratio": 1}, "ratio should be a whole number of at least 2 instead of 1"),
        ("ghostnet", {"ratio": 2.5}, "ratio should be a whole number of at least 2 instead of 2.5"),
        ("ghostnet", {"cheap_kernel_size": 4}, "cheap_kernel_size should be an odd number .* instead of 4"),
        ("ghostnet", {"width_mult": 0}, "width_mult should be larger than 0"),
        ("ghostnet", {"weights": "imagnet"}, "weights of ghostnet should be"),
        ("regnet_x_200mf", {"weights": "imagnet"}, "weights of regnet_x_200mf should be None or"),
        (
            "g_ghost_regnet_x_200mf",
            {"variant": "figure"},
            r"variant should be 'official' .* or 'paper' instead of 'fig",
        ),
        ("g_ghost_regnet_x_200mf", {"weights": "imagenet"}, "g_ghost_regnet_x_200mf has no official weights"),
    ],
)
def test_wrong_options_are_refused(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        on_meta(name, **options)


def test_images_of_the_wrong_shape_are_refused():
    for name in ("mobilenet_v1", "regnet_x_200mf"):
        with pytest.raises(ValueError, match=r"needs images of shape \(N, 3, H, W\) instead of \(1, 1, 32, 32\)"):
            get_model(name)(torch.zeros(1, 1, 32, 32))
