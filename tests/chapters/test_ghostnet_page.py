"""Chapter 12's widgets and exercises: numbers are those of real modules, networks and maps."""

from __future__ import annotations

import base64
import re
from io import BytesIO

import pytest
import torch
from explorers import assert_totals, shown
from PIL import Image
from torch import nn

from lightnets_edu import count, get_model
from lightnets_edu.chapters.ghostnet import study
from lightnets_edu.chapters.ghostnet import widget as page
from lightnets_edu.features import nearest_twins, reconstruct
from lightnets_edu.formulas import ghost_module
from lightnets_edu.models.ghostnet import GhostModule
from lightnets_edu.pages import get_widget
from lightnets_edu.pages.exercise import get_exercise
from lightnets_edu.pages.exercise.judging import judge


@pytest.mark.parametrize(
    ("c_in", "c_out", "ratio", "cheap", "kernel", "side"),
    [(64, 128, 2, 3, 1, 28), (16, 40, 3, 5, 3, 14), (512, 8, 8, 7, 5, 7), (4, 512, 5, 1, 1, 56)],
)
def test_module_explorer_equals_the_real_module(c_in, c_out, ratio, cheap, kernel, side):
    settings = {"ratio": ratio, "cheap_kernel_size": cheap, "kernel_size": kernel}
    numbers = shown("ghost_module_explorer", in_channels=c_in, out_channels=c_out, side=side, **settings)
    ghost = GhostModule(c_in, c_out, ratio, cheap, kernel)
    table = count(ghost, (1, c_in, side, side))
    other = count(nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False), (1, c_in, side, side))
    weights = sum(m.weight.numel() for m in ghost.modules() if isinstance(m, nn.Conv2d))
    assert_totals(numbers, table, "params", "macs", prefix="ghost_")
    assert (numbers["plain_macs"], numbers["plain_weights"]) == (other.macs, other.params)
    assert numbers["ghost_weights"] == weights
    assert numbers["primary_macs"] + numbers["cheap_macs"] == table.macs
    assert numbers["speedup"] == pytest.approx(other.macs / table.macs)
    assert numbers["compression"] == pytest.approx(other.params / weights)
    assert numbers["primary_maps"] + numbers["ghost_maps"] >= c_out


def test_speedup_is_the_papers_formula():
    """r_s = s c k^2 / (c k^2 + (s - 1) d^2), if s divides the outputs."""
    for s, c, k, d in ((2, 16, 1, 3), (4, 64, 3, 3), (8, 256, 1, 5)):
        settings = {"ratio": s, "in_channels": c, "out_channels": 64, "kernel_size": k, "cheap_kernel_size": d}
        numbers = shown("ghost_module_explorer", **settings)
        expected = pytest.approx(s * c * k**2 / (c * k**2 + (s - 1) * d**2))
        assert (numbers["speedup"], numbers["compression"]) == (expected, expected)


@pytest.mark.parametrize(
    ("width", "ratio", "cheap", "size"), [(100, 2, 3, 224), (50, 3, 5, 96), (130, 2, 1, 160), (25, 8, 7, 32)]
)
def test_network_explorer_equals_the_real_network(width, ratio, cheap, size):
    settings = {"ratio": ratio, "cheap_kernel_size": cheap}
    numbers = shown("ghostnet_explorer", width_percent=width, input_size=size, **settings)
    with torch.device("meta"):
        model = get_model("ghostnet", width_mult=width / 100, **settings)
        head = sum(p.numel() for m in (model.conv_head, model.classifier) for p in m.parameters())
    assert_totals(numbers, count(model, (1, 3, size, size)), "params", "macs")
    assert numbers["head_params"] == head


def test_twins_are_what_features_say():
    maps = page.example_maps()
    widget = get_widget("feature_twins")(data={"twins": page.twin_table(maps)})
    for channel, place, d in ((0, "1", 3), (7, "3", 1), (11, "2", 5)):
        numbers = widget.evaluate(map=channel, source=place, kernel_size=d)
        twin = nearest_twins(maps, channel, 3)[int(place) - 1]
        assert numbers["twin_channel"] == twin.channel
        assert numbers["similarity"] == pytest.approx(twin.similarity, abs=6e-4)
        assert numbers["r2"] == pytest.approx(reconstruct(maps, twin.channel, channel, d).r2, abs=6e-4)
        assert numbers["weights"] == d * d


def test_twins_need_enough_live_maps():
    with pytest.raises(ValueError, match="only 2 twins instead of 3"):
        page.twin_table(torch.rand(4, 3, 8, 8))


def test_album_shows_every_map():
    picture = torch.arange(12.0).view(3, 4)
    cards = [page.MapCard(f"map {n} <b>", (("the map", picture), ("flat", torch.zeros(3, 4)))) for n in range(3)]
    text = page.MapAlbum("Twins", cards, "twins")._repr_html_()
    assert text.count("<details") == 3
    assert text.count(" open ") == 1
    assert "<b>" not in text
    assert text.count('alt="the map"') == 3
    images = re.findall(r"base64,([^\"]+)", text)
    first, flat = (Image.open(BytesIO(base64.b64decode(image))) for image in images[:2])
    assert first.size == (4, 3)
    assert list(first.tobytes()) == [round(255 * n / 11) for n in range(12)]
    assert set(flat.tobytes()) == {0}
    with pytest.raises(ValueError, match="no cards"):
        page.MapAlbum("Twins", [])


def test_answers_are_those_of_real_modules():
    module, plain = GhostModule(80, 240), nn.Conv2d(80, 240, 1, bias=False)
    assert get_exercise("ghost_half_macs").expected == count(module, (1, 80, 14, 14)).macs
    ratio = count(nn.Conv2d(32, 96, 1, bias=False), (1, 32, 8, 8)).macs / count(GhostModule(32, 96), (1, 32, 8, 8)).macs
    assert get_exercise("ghost_speedup_small").expected == pytest.approx(ratio)
    assert ratio < 1.6 < count(plain, (1, 80, 14, 14)).macs / count(module, (1, 80, 14, 14)).macs


def test_code_exercise_accepts_a_module_written_in_another_way():
    def ghost_macs(c_in, c_out, side, ratio=2, d=3):
        table = count(GhostModule(c_in, c_out, ratio, d), (1, c_in, side, side))
        return table.macs

    assert judge(get_exercise("ghost_write_cost"), ghost_macs).status == "passed"


@pytest.mark.parametrize(("ratio", "cheap"), [(2, 3), (4, 3), (2, 5)])
def test_the_studys_networks_are_vgg_with_ghost_modules(ratio, cheap):
    """All but the first of the 3x3 convolutions are Ghost modules, on maps halved by a pool before each line."""
    table = count(study.SmallVGG(study.ghosts(ratio, cheap)).eval(), (1, 1, 28, 28))
    channels, side, macs = study.STEM_CHANNELS, 28, 9 * study.STEM_CHANNELS * 28**2
    for line in study.WIDTHS:
        side //= 2
        for out in line:
            settings = {"ratio": ratio, "cheap_kernel_size": cheap, "kernel_size": 3}
            macs += ghost_module(in_channels=channels, out_channels=out, **settings, in_height=side, in_width=side).macs
            channels = out
    assert table.macs == macs + 10 * channels
