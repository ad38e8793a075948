"""Similarity of blocks: known cases, and the definition by another formula."""

import numpy as np
import pytest
import torch

from lightnets_edu.features import block_similarity, pointwise_r2


def rows(maps):
    """[pixels, channels], centred."""
    pixels = maps.double().permute(0, 2, 3, 1).flatten(0, 2).numpy()
    return pixels - pixels.mean(0)


def test_a_rotation_of_the_channels_keeps_cka_but_not_the_cosine():
    maps = torch.randn(6, 8, 7, 7) * torch.linspace(1, 3, 8)[:, None, None]
    rotation = torch.linalg.qr(torch.randn(8, 8))[0]
    turned = 5 * torch.einsum("dc,nchw->ndhw", rotation, maps) - 2
    result = block_similarity(maps, turned)
    assert result.cka == pytest.approx(1, abs=1e-6)
    assert result.cosine < 0.95
    permuted = block_similarity(maps, -maps[:, torch.randperm(8)])
    assert (permuted.cka, permuted.cosine) == pytest.approx((1, 1), abs=1e-6)


def test_cka_equals_its_definition_with_gram_matrices():
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with pixel-by-pixel Gram matrices K, L; correlations by NumPy."""
    a = torch.randn(3, 4, 5, 5)
    b = torch.cat([a[:, :2] ** 2, torch.randn(3, 5, 5, 5)], dim=1)
    k, g = (rows(x) @ rows(x).T for x in (a, b))
    expected = (k * g).sum() / np.sqrt((k * k).sum() * (g * g).sum())
    result = block_similarity(a, b)
    assert result.cka == pytest.approx(expected, abs=1e-9)
    correlations = np.abs(np.corrcoef(rows(a).T, rows(b).T))[:4, 4:]
    assert result.cosine == pytest.approx(correlations.max(0).mean(), abs=1e-9)


def test_independent_maps_are_not_similar():
    """E CKA is about sqrt(C D) / P for P independent pixels with C and D independent channels of one variance."""
    result = block_similarity(torch.randn(20, 8, 15, 15), torch.randn(20, 8, 15, 15))
    assert result.cka == pytest.approx(8 / (20 * 15 * 15), rel=0.6)
    assert result.cosine < 0.06


def test_dead_maps_of_the_second_block_do_not_count():
    a = torch.randn(4, 3, 6, 6)
    b = torch.cat([a[:, :2], torch.full((4, 1, 6, 6), 2.0)], dim=1)
    assert block_similarity(a, b).cosine == pytest.approx(1)
    assert block_similarity(b, a).cosine < 1


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (torch.randn(2, 3, 4, 4), torch.randn(2, 3, 2, 2), "same height and width|same images"),
        (torch.randn(2, 3, 4, 4), torch.randn(3, 3, 4, 4), "same images"),
        (torch.randn(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), "all maps of b are constant"),
        (torch.randn(3, 4, 4), torch.randn(3, 4, 4), r"\[N, C, H, W\]"),
    ],
)
def test_errors_teach(a, b, sentence):
    with pytest.raises(ValueError, match=sentence):
        block_similarity(a, b)


def test_a_pointwise_convolution_of_the_first_maps_is_found():
    convolution = torch.nn.Conv2d(6, 4, 1).requires_grad_(False)
    maps = torch.randn(8, 6, 9, 9)
    made = convolution(maps)
    assert pointwise_r2(maps, made) == pytest.approx(1, abs=1e-9)
    noise = torch.randn(8, 4, 9, 9) * made.std((0, 2, 3))[:, None, None]  # half of the variance
    assert pointwise_r2(maps, made + noise) == pytest.approx(0.5, abs=0.06)


def test_it_is_judged_on_images_that_it_was_not_fitted_to():
    """NumPy's least squares on the first half. What was fitted to chance costs about C / P of the variance."""
    a, b = torch.randn(6, 5, 8, 8), torch.randn(6, 3, 8, 8)
    x, y = (m.double().permute(0, 2, 3, 1).flatten(0, 2).numpy() for m in (a, b))
    x, half = np.column_stack([x, np.ones(len(x))]), len(x) // 2
    weights = np.linalg.lstsq(x[:half], y[:half], rcond=None)[0]
    new = y[half:]
    expected = 1 - ((x[half:] @ weights - new) ** 2).sum() / ((new - new.mean(0)) ** 2).sum()
    assert pointwise_r2(a, b) == pytest.approx(expected, abs=1e-9)
    assert -0.2 < expected < 0.02


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (torch.randn(4, 3, 4, 4), torch.randn(3, 3, 4, 4), "same images"),
        (torch.randn(2, 30, 4, 4), torch.randn(2, 3, 4, 4), "16 pixels a channel, too few to fit the 31 unknowns"),
        (torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4), "0 pixels a channel"),
        (torch.randn(4, 3, 4, 4), torch.ones(4, 3, 4, 4), "constant in a half"),
    ],
)
def test_what_cannot_be_fitted_is_explained(a, b, sentence):
    with pytest.raises(ValueError, match=sentence):
        pointwise_r2(a, b)
