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
from lightnets_edu.chapters.ghostnet.album import MapAlbum, MapCard
from lightnets_edu.chapters.ghostnet.look import Seen, changed, changed_answers, pairs_album, redundancy_by_depth
from lightnets_edu.features import (
    Photos,
    answers_with_ghosts,
    capture,
    find_ghosts,
    reconstruct,
    redundancy,
    settle_batch_norms,
    shuffled_pixels,
)
from lightnets_edu.formulas import ghost_module
from lightnets_edu.models.ghostnet import GhostModule
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


def images_of(text):
    return [Image.open(BytesIO(base64.b64decode(image))) for image in re.findall(r"base64,([^\"]+)", text)]


def test_album_shows_every_map():
    picture = torch.arange(12.0).view(3, 4)
    pictures = (("the map", picture), ("twin", 10 * picture), ("made", picture / 2), ("flat", torch.zeros(3, 4)))
    cards = [MapCard(f"map {n} <b>", pictures) for n in range(3)]
    text = MapAlbum("Twins", cards, "twins")._repr_html_()
    assert text.count("<details") == 2  # the first is in sight
    assert "<b>map" in text and "map 0 <b>" not in text
    assert text.count('alt="the map"') == 3
    first, twin, made, flat = images_of(text)[:4]
    assert first.size == (4, 3)
    grey = [255 * n / 11 for n in range(12)]
    for image, expected in ((first, grey), (twin, grey), (made, [n / 2 for n in grey]), (flat, [0] * 12)):
        assert list(image.tobytes()) == pytest.approx(expected, abs=8)  # JPEG is not exact
    with pytest.raises(ValueError, match="no cards"):
        MapAlbum("Twins", [])


def test_album_shows_what_the_network_saw():
    photo, maps = torch.rand(3, 1, 1).expand(3, 8, 8), torch.rand(4, 3, 3)
    text = MapAlbum("Twins", [MapCard("one", (("map", maps[0]),))], photo=photo, maps=maps)._repr_html_()
    seen, *small = images_of(text)[:5]
    assert seen.mode == "RGB"
    assert seen.getpixel((4, 4)) == pytest.approx((255 * photo[:, 4, 4]).tolist(), abs=8)
    assert [image.size for image in small] == [(3, 3)] * 4


@pytest.fixture
def seen():
    """A narrow network with random weights instead of the trained one, and noise instead of photographs."""
    model = get_model("efficientnet_lite0", width_mult=0.25).eval()
    images = torch.rand(8, 3, 56, 56)
    names = tuple(f"photo {n // 2}" for n in range(8))  # two views each
    settle_batch_norms(model, images)
    return Seen(model, Photos(names, images, {}), images)


def test_pairs_are_the_best_ones_of_different_maps(seen):
    layer = "blocks.1.0.act1"
    album = pairs_album(seen, layer, "photo 3", pairs=2, others=3)
    maps = capture(seen.model, [layer], seen.images)[layer]
    found = redundancy(maps)
    shown = [int(re.match(r"Map (\d+),", card.title)[1]) for card in album.cards]
    assert len(set(shown)) == 5 and shown[0] == int(found.r2.nan_to_num(-9).argmax())
    (a, b) = ({channel, int(found.twin[channel])} for channel in shown[:2])
    assert not a & b
    rest = found.r2[shown[2:]].tolist()
    assert rest == sorted(rest, reverse=True)
    for channel, card in zip(shown, album.cards, strict=True):
        (_, target), (_, twin), (_, made) = card.pictures
        source = int(found.twin[channel])
        assert torch.equal(target, maps[6, channel]) and torch.equal(twin, maps[6, source])
        assert torch.equal(made, reconstruct(maps, source, channel).prediction[6])


def test_answers_are_counted_on_photographs_that_no_kernel_was_fitted_to(seen):
    layer = "blocks.1.0.act1"
    changes = changed_answers(seen, layer, (0.25, 0.5))
    assert len(changes) == 6 and {one.pictures for one in changes} == {8}
    for choice in ("best", "random", "mean"):
        expected = 0
        for fitted, judged in ((slice(0, 4), slice(4, 8)), (slice(4, 8), slice(0, 4))):
            both = torch.cat([seen.images[fitted][::2], seen.images[judged][::2]])
            ghosts = find_ghosts(capture(seen.model, [layer], both)[layer], 0.25, choice=choice)
            answers = answers_with_ghosts(seen.model, {layer: ghosts}, seen.images[judged])
            expected += int(answers.changed.sum())
        assert changed(changes, choice, 0.25).changed == expected
    assert changed(changes, "mean", 0.5).changed > 0


def test_depths_are_those_of_both_parts_of_all_blocks_that_are_large_enough():
    networks = {}
    for seed in (0, 1):
        torch.manual_seed(seed)
        networks[seed] = get_model("efficientnet_lite0").eval()
    images = torch.rand(4, 3, 96, 96)  # maps of 48, 24, 12, 6 and 3 pixels
    for network in networks.values():
        settle_batch_norms(network, images)
    model = networks[1]
    depths = redundancy_by_depth(Seen(model, Photos(("a", "b", "c", "d"), images, {}), images))
    assert [(one.block, one.part, one.maps, one.side) for one in depths] == [
        ("1.0", "act1", 96, 48),
        ("1.0", "act2", 96, 24),
        ("1.1", "act1", 144, 24),
        ("1.1", "act2", 144, 24),
        ("2.0", "act1", 144, 24),
    ]
    maps, others = (capture(networks[seed], ["blocks.1.1.act2"], images)["blocks.1.1.act2"] for seed in (1, 0))
    assert torch.equal(depths[3].trained.r2, redundancy(maps).r2)
    assert torch.equal(depths[3].untrained.r2, redundancy(others).r2)
    assert torch.equal(depths[3].shuffled.r2, redundancy(shuffled_pixels(maps)).r2)


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
