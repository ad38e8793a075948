"""The palette: legible by day and by night, told apart by readers who see fewer colours, and the same everywhere."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from torch import nn

from lightnets_edu.counting import count
from lightnets_edu.models import list_models
from lightnets_edu.models.registry import get_entry
from lightnets_edu.pages.palette import CLASSES, FAMILIES, MARKS, NEUTRAL, family_marks, layer_class, looks, style_sheet

PAPERS = NEUTRAL["page"]
THEMES = pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
# Machado, Oliveira, Fernandes 2009, "A physiologically-based model for simulation of color vision deficiency", table 1,
# severity 1: from linear red, green and blue to what such a reader sees.
SEEN = {
    "all colours": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """As the Web Content Accessibility Guidelines 2.2 define it."""
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (a, b))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB, white point D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    root = xyz / [0.9505, 1, 1.089]
    root = np.where(root > (6 / 29) ** 3, np.cbrt(root), root * 841 / 108 + 4 / 29)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@THEMES
def test_marks_and_texts_stand_out_from_the_paper(theme):
    for look in CLASSES.values():
        assert contrast(look.shades[theme], PAPERS[theme]) >= 3, look.name
    for name in ("ink", "faint"):
        assert contrast(NEUTRAL[name][theme], PAPERS[theme]) >= 4.5, name


@THEMES
@pytest.mark.parametrize("sight", SEEN)
def test_classes_are_told_apart(theme, sight):
    """A difference of 2.3 is just noticeable (Mahy, van Eycken, Oosterlinck 1994); six times as much is asked for."""
    seen = {name: lab(SEEN[sight] @ linear(look.shades[theme])) for name, look in CLASSES.items()}
    for a, b in combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 6 * 2.3, (a, b)


def test_classes_differ_without_colour():
    for part in ("marker", "path", "hatch", "dash"):
        assert len({getattr(look, part) for look in CLASSES.values()}) == len(CLASSES), part


def test_every_family_of_the_registry_has_its_own_mark():
    families = {get_entry(name).family for name in list_models()}
    assert families <= set(FAMILIES)
    assert len({(mark.path, mark.filled) for mark in MARKS}) == len(MARKS) >= len(FAMILIES)
    alone = {family: family_marks([family])[family] for family in families}
    assert family_marks(sorted(families)) == alone, "a family looks the same whoever is shown beside it"
    assert family_marks(["GhostNet", "a", "b"])["GhostNet"] == alone["GhostNet"]
    assert len(set(family_marks(["GhostNet", *map(str, range(15))]).values())) == 16


@pytest.mark.parametrize(
    ("layer", "size", "name"),
    [
        (nn.Conv2d(8, 8, 3), (1, 8, 5, 5), "standard"),
        (nn.Conv2d(8, 8, 3, groups=2), (1, 8, 5, 5), "grouped"),
        (nn.Conv2d(8, 8, 1, groups=2), (1, 8, 5, 5), "grouped"),
        (nn.Conv2d(8, 8, 1), (1, 8, 5, 5), "pointwise"),
        (nn.Conv2d(8, 16, 3, groups=8), (1, 8, 5, 5), "depthwise"),
        (nn.Linear(8, 8), (1, 8), "linear"),
        (nn.ReLU(), (1, 8), "other"),
    ],
)
def test_a_layer_has_its_class(layer, size, name):
    (row,) = count(layer, size).rows
    assert row.layer_class == name
    assert name in CLASSES


def test_a_series_named_after_a_class_looks_like_it():
    found = looks(["MACs", "depthwise, 3 × 3", "pointwise"])
    assert found["depthwise, 3 × 3"] is CLASSES["depthwise"] and found["pointwise"] is CLASSES["pointwise"]
    assert found["MACs"] not in (CLASSES["depthwise"], CLASSES["pointwise"])
    assert [look.name for look in looks("abcdef").values()] == list(CLASSES)
    assert layer_class("dense") == "standard" and layer_class("MobileNetV1") is layer_class("") is None


def test_the_style_sheet_has_both_shades():
    light, dark = style_sheet().splitlines()
    for name, shades in {**NEUTRAL, **{look.name: look.shades for look in CLASSES.values()}}.items():
        assert re.findall(f"--ln-{name}:([^;]*);", light) == [shades[0]]
        assert re.findall(f"--ln-{name}:([^;]*);", dark) == [shades[1]]
    assert dark.startswith("@media not print")
