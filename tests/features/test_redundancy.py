"""Redundancy of maps that were made so: the expected numbers follow from the making, or from NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lightnets_edu.features import nearest_twins, reconstruct, redundancy, shuffled_control, similarity
from lightnets_edu.models.ghostnet import GhostModule

BLUR = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
SHIFT = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 0, 0]])  # each pixel gets its left neighbour


def filtered(maps, kernel, bias=0.0):
    return F.conv2d(maps, kernel[None, None], padding=kernel.shape[0] // 2) + bias


@pytest.fixture
def noise():
    return torch.randn(8, 6, 12, 10)


def numpy_columns(channel, d):
    """[pixels, d * d + 1]: shifted copies by explicit slicing, and ones."""
    padded = np.pad(channel, ((0, 0), (d // 2, d // 2), (d // 2, d // 2)))
    height, width = channel.shape[1:]
    shifted = [padded[:, u : u + height, v : v + width].ravel() for u in range(d) for v in range(d)]
    return np.stack([*shifted, np.ones(channel.size)], axis=1)


def numpy_r2(target, prediction):
    return 1 - ((target - prediction) ** 2).sum() / ((target - target.mean()) ** 2).sum()


def numpy_fit(maps, source, target, d):
    """Kernel, bias and held-out R² of one pair by numpy.linalg.lstsq."""
    maps = maps.double().numpy()
    half = len(maps) // 2
    columns = [numpy_columns(part[:, source], d) for part in (maps[:half], maps[half:])]
    goals = [part[:, target].ravel() for part in (maps[:half], maps[half:])]
    solution = np.linalg.lstsq(columns[0], goals[0], rcond=None)[0]
    fitted_r2, judged_r2 = (numpy_r2(g, c @ solution) for g, c in zip(goals, columns, strict=True))
    return solution[:-1].reshape(d, d), solution[-1], fitted_r2, judged_r2


def test_similarity_is_the_absolute_correlation(noise):
    noise[:, 3] = -2 * noise[:, 1] + 7
    noise[:, 4] = 3.25
    got = similarity(noise)
    live = [0, 1, 2, 3, 5]
    expected = np.abs(np.corrcoef(noise[:, live].transpose(0, 1).flatten(1).double().numpy()))
    np.testing.assert_allclose(got[live][:, live], expected, atol=1e-6)
    assert got[1, 3] == pytest.approx(1)
    assert not got[4].any() and not got[:, 4].any()


def test_nearest_twins_are_sorted_and_alive(noise):
    noise[:, 1] = noise[:, 0] + 0.1 * noise[:, 1]
    noise[:, 2] = -noise[:, 0] + noise[:, 2]
    noise[:, 5] = 0
    twins = nearest_twins(noise, 0, count=9)
    matrix = similarity(noise)
    assert [twin.channel for twin in twins][:2] == [1, 2]
    assert len(twins) == 4 and {twin.channel for twin in twins} == {1, 2, 3, 4}
    assert [twin.similarity for twin in twins] == pytest.approx(sorted(matrix[0, 1:5].tolist(), reverse=True))
    assert len(nearest_twins(noise, 0, count=2)) == 2


@pytest.mark.parametrize(("kernel", "bias"), [(BLUR, 0.0), (SHIFT, -3.0), (torch.randn(5, 5), 0.5)])
def test_a_filtered_copy_is_found_again(noise, kernel, bias):
    noise[:, 2] = filtered(noise[:, :1], kernel, bias)[:, 0]
    found = reconstruct(noise, 0, 2, kernel_size=len(kernel))
    assert found.r2 == pytest.approx(1, abs=1e-9)
    torch.testing.assert_close(found.kernel, kernel, rtol=1e-4, atol=1e-5)
    assert found.bias == pytest.approx(bias, abs=1e-5)
    torch.testing.assert_close(found.prediction, noise[:, 2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("d", [1, 3, 5])
def test_reconstruction_equals_numpys_least_squares(noise, d):
    maps = F.avg_pool2d(noise, 3, 1, 1)  # smooth, so that neighbours are related
    maps[:, 1] += 0.7 * maps[:, 0]
    kernel, bias, _, r2 = numpy_fit(maps, 0, 1, d)
    found = reconstruct(maps, 0, 1, kernel_size=d)
    assert found.r2 == pytest.approx(r2, abs=1e-6)
    np.testing.assert_allclose(found.kernel, kernel, atol=1e-4)
    assert found.bias == pytest.approx(bias, abs=1e-6)
    by_torch = filtered(maps[:, :1], found.kernel, found.bias)[:, 0]
    torch.testing.assert_close(found.prediction, by_torch, rtol=1e-4, atol=1e-5)


def test_the_judged_images_are_not_fitted(noise):
    """In the first half the target is the source; in the second it is its negative: fitted well, judged badly."""
    noise[:4, 1], noise[4:, 1] = noise[:4, 0], -noise[4:, 0]
    found = reconstruct(noise, 0, 1)
    torch.testing.assert_close(found.prediction[:4], noise[:4, 1], rtol=1e-4, atol=1e-4)
    assert found.r2 == pytest.approx(1 - 4, abs=0.02)  # the error is 2 x, the mean of x nearly 0
    assert redundancy(noise).r2[1] < 0


def test_a_source_without_enough_directions(noise):
    """One pixel a map: eight of nine shifts are always zero, and the shortest solution leaves them zero."""
    maps = torch.randn(40, 2, 1, 1)
    maps[:, 1] = 3 * maps[:, 0] + 1
    found = reconstruct(maps, 0, 1)
    assert found.r2 == pytest.approx(1)
    expected = torch.zeros(3, 3)
    expected[1, 1] = 3
    torch.testing.assert_close(found.kernel, expected, rtol=1e-4, atol=1e-5)


def test_redundancy_of_a_network_of_ghosts(noise):
    noise[:, 3] = -noise[:, 0]
    noise[:, 4] = filtered(noise[:, 1:2], BLUR)[:, 0]
    noise[:, 5] = 0.25
    result = redundancy(noise)
    assert result.dead.tolist() == [False] * 5 + [True]
    assert result.twin[[0, 1, 3, 4, 5]].tolist() == [3, 4, 0, 1, -1]
    assert result.r2[[0, 3, 4]].tolist() == pytest.approx([1, 1, 1], abs=1e-9)
    assert result.similarity[[0, 3]].tolist() == pytest.approx([1, 1])
    assert result.similarity[5].isnan() and result.r2[5].isnan()
    for target in range(5):
        source = int(result.twin[target])
        assert float(result.r2[target]) == pytest.approx(numpy_fit(noise, source, target, 3)[3], abs=1e-6)
    live = result.r2[:5].numpy()
    assert result.median_r2 == pytest.approx(np.median(live))
    assert result.share(0.5) == pytest.approx((live >= 0.5).mean()) and result.share(0.9) >= 3 / 5


def test_twins_are_chosen_on_the_first_half_and_measured_on_the_second(noise):
    noise[:4, 1] = noise[:4, 0] + 0.1 * noise[:4, 1]
    noise[4:, 2] = noise[4:, 0]
    result = redundancy(noise)
    assert result.twin[0] == 1
    assert float(result.similarity[0]) == pytest.approx(float(similarity(noise[4:])[0, 1]), abs=1e-9)
    assert result.r2[0] < 0.2


def test_a_one_by_one_kernel_in_equal_halves_gives_the_squared_similarity():
    half = torch.randn(3, 5, 6, 6)
    result = redundancy(torch.cat([half, half]), kernel_size=1)
    np.testing.assert_allclose(result.r2, result.similarity**2, atol=1e-9)
    np.testing.assert_allclose(result.similarity, similarity(half).fill_diagonal_(0).amax(0), atol=1e-9)


def test_every_source_finds_what_similarity_misses(noise):
    """White noise and its shifted copy are not similar pixel by pixel, yet one is made from the other."""
    noise[:, 3] = filtered(noise[:, :1], SHIFT)[:, 0]
    noise[:, 5] += 0.3 * noise[:, 3]
    nearest, every = redundancy(noise), redundancy(noise, every_source=True)
    assert nearest.twin[3] == 5 and nearest.r2[3] < 0.2
    assert every.twin[3] == 0 and every.r2[3] == pytest.approx(1, abs=1e-9)
    for target in range(6):
        fits = {source: numpy_fit(noise, source, target, 3) for source in range(6) if source != target}
        best = max(fits, key=lambda source: fits[source][2])
        assert every.twin[target] == best
        assert float(every.r2[target]) == pytest.approx(fits[best][3], abs=1e-6)


def test_the_ghosts_of_a_real_ghost_module_are_found():
    """Without its ReLU, each ghost is its intrinsic map through the module's own kernel and batch norm."""
    module = GhostModule(10, 8, activate=False).eval()
    norm = module.cheap_operation[1]
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor.uniform_(0.5, 1.5)
        maps = module(torch.randn(6, 10, 9, 9))
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        kernels = module.cheap_operation[0].weight[:, 0] * scale[:, None, None]
        biases = norm.bias - scale * norm.running_mean
    result = redundancy(maps, every_source=True)
    assert result.twin[4:].tolist() == [0, 1, 2, 3]
    assert result.r2[4:].tolist() == pytest.approx([1] * 4, abs=1e-6)
    found = reconstruct(maps, 2, 6)
    torch.testing.assert_close(found.kernel, kernels[2], rtol=1e-4, atol=1e-5)
    assert found.bias == pytest.approx(float(biases[2]), abs=1e-5)


def test_independent_noise_has_the_r2_of_chance():
    """Useless weights, each fitted to P pixels, cost R² 1 / P each on P other pixels: a little below 0.

    There are d² weights, a bias, and the mean that R² itself takes from the judged pixels: -(d² + 2) / P. The source
    is the most similar of seven in the first half, which makes its middle weight larger: about 3 more.
    """
    pixels, d = 10 * 12 * 12, 3
    scores = []
    for seed in range(6):
        maps = torch.randn(20, 8, 12, 12, generator=torch.Generator().manual_seed(seed))
        scores += redundancy(maps, d).r2.tolist()
    assert -(d * d + 8) / pixels < np.mean(scores) < -(d * d - 1) / pixels


def test_the_control_breaks_what_is_of_the_image_and_keeps_what_is_common():
    common = 2 * torch.randn(1, 1, 9, 9)
    own = torch.randn(40, 1, 9, 9)
    maps = torch.cat([own, -own, own + 0.01 * torch.randn_like(own)], dim=1)
    assert redundancy(maps).median_r2 > 0.99
    assert abs(shuffled_control(maps).median_r2) < 0.02
    mixed = maps + common
    # Of the variance 4 : 1, the common part remains, but only as far as the source shows it: slope 4 / 5, R² 16 / 25.
    part = float(common.var() / (common.var() + 1))
    assert shuffled_control(mixed, kernel_size=1).r2[0] == pytest.approx(part**2, abs=0.06)


def test_the_control_exchanges_images_within_the_halves_only():
    """Each image has a level of its own: no image keeps its target, and none comes from the other half."""
    levels = torch.arange(10.0)[:, None, None, None].expand(10, 2, 4, 4).clone()
    levels += 0.001 * torch.randn(10, 2, 4, 4)
    first, again, other = (shuffled_control(levels, 1, seed=seed) for seed in (0, 0, 3))
    assert torch.equal(first.r2, again.r2) and not torch.equal(first.r2, other.r2)
    # With two images in each half the only exchange is a swap, so level and target are opposite: the fit is perfect.
    swapped = torch.tensor([0.0, 1, 0, 1])[:, None, None, None].expand(4, 2, 4, 4).clone()
    swapped += 1e-4 * torch.randn(4, 2, 4, 4)
    assert shuffled_control(swapped, 1).r2.min() > 0.999


def test_results_do_not_depend_on_layout_or_scale(noise):
    first = redundancy(noise)
    second = redundancy((1e-4 * noise).to(memory_format=torch.channels_last).requires_grad_())
    np.testing.assert_allclose(first.r2, second.r2, atol=1e-6)
    assert reconstruct(noise.double(), 0, 1).prediction.dtype == torch.float64


MAPS = torch.randn(8, 3, 6, 6)
DEAD = torch.cat([MAPS[:, :1], torch.full((8, 2, 6, 6), 0.3)], dim=1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: similarity(MAPS[0]), r"maps should be a float tensor \[N, C, H, W\]"),
        (lambda: similarity(MAPS.long()), "float tensor"),
        (lambda: redundancy(MAPS / 0 * 0), "finite"),
        (lambda: redundancy(MAPS[:1]), "at least 2 images are needed instead of 1"),
        (lambda: redundancy(MAPS, kernel_size=2), "kernel_size=2 is even"),
        (lambda: redundancy(MAPS[:2, :, :3, :3]), "too few to fit the 10 unknowns"),
        (lambda: redundancy(DEAD), "2 of 3 channels are dead"),
        (lambda: shuffled_control(MAPS[:3]), "at least 4 images instead of 3"),
        (lambda: reconstruct(MAPS, 0, 3), "target=3 is not there: the maps have channels 0 to 2"),
        (lambda: reconstruct(DEAD, 0, 1), "channel 1 is dead"),
        (lambda: nearest_twins(MAPS, -1), "channel should be at least 0"),
        (lambda: nearest_twins(DEAD, 1), "channel 1 is dead"),
        (lambda: nearest_twins(DEAD, 0), "has no twin"),
    ],
)
def test_errors_teach(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
