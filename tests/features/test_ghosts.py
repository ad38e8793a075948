"""Ghosts in trained networks: the expected ones follow from how the maps were made, or from NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lightnets_edu.features import (
    Answers,
    answers_with_ghosts,
    capture,
    find_ghosts,
    nonlinearities,
    reconstruct,
    redundancy,
    redundancy_by_layer,
    replaced,
    shuffled_pixels,
    similarity,
)

BLUR = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16


@pytest.fixture
def maps():
    """Channel 3 is channel 0 blurred, channel 4 a multiple of channel 1, and channel 5 is constant."""
    maps = torch.randn(8, 6, 12, 10)
    maps[:, 3] = F.conv2d(maps[:, :1], BLUR[None, None], padding=1)[:, 0]
    maps[:, 4] = 1 - 3 * maps[:, 1]
    maps[:, 5] = 0.5
    return maps


def pairs_of(ghosts):
    return set(zip(ghosts.sources.tolist(), ghosts.targets.tolist(), strict=True))


def test_what_was_made_from_another_map_is_found_and_made_again(maps):
    ghosts = find_ghosts(maps, 2 / 6)
    assert (0, 3) in pairs_of(ghosts) and pairs_of(ghosts) & {(1, 4), (4, 1)}
    assert ghosts.r2.tolist() == pytest.approx([1, 1])
    made = ghosts.apply(maps)
    torch.testing.assert_close(made, maps, rtol=1e-4, atol=1e-4)
    rest = [channel for channel in range(6) if channel not in ghosts.targets]
    assert torch.equal(made[:, rest], maps[:, rest])
    kernel = ghosts.kernels[ghosts.targets.tolist().index(3), 0]
    torch.testing.assert_close(kernel.float(), BLUR, rtol=1e-4, atol=1e-5)


def numpy_r2(maps, source, target):
    """R² of one pair on the first half of the images, by explicit slicing and numpy.linalg.lstsq."""
    half = maps[: len(maps) // 2].double().numpy()
    padded = np.pad(half[:, source], ((0, 0), (1, 1), (1, 1)))
    height, width = half.shape[2:]
    shifted = [padded[:, u : u + height, v : v + width].ravel() for u in range(3) for v in range(3)]
    columns, goal = np.stack([*shifted, np.ones(shifted[0].size)], axis=1), half[:, target].ravel()
    error = goal - columns @ np.linalg.lstsq(columns, goal, rcond=None)[0]
    return 1 - (error**2).sum() / ((goal - goal.mean()) ** 2).sum()


def test_pairs_are_taken_in_the_order_of_their_r2():
    maps = F.avg_pool2d(torch.randn(6, 10, 9, 8), 3, 1, 1)
    maps[:, 5:] += 0.6 * maps[:, :5]
    maps[:, 9] += 0.5 * maps[:, 5]
    scores = {(s, t): numpy_r2(maps, s, t) for s in range(10) for t in range(10) if s != t}
    expected, sources, targets = [], set(), set()
    for source, target in sorted(scores, key=scores.get, reverse=True):
        if {source, target} & targets or target in sources or len(expected) == 4:
            continue
        expected.append((source, target))
        sources.add(source)
        targets.add(target)
    ghosts = find_ghosts(maps, 0.4)
    assert list(zip(ghosts.sources.tolist(), ghosts.targets.tolist(), strict=True)) == expected
    assert ghosts.r2.tolist() == pytest.approx([scores[pair] for pair in expected], abs=1e-6)


def test_the_first_of_many_are_those_of_a_smaller_share():
    maps = F.avg_pool2d(torch.randn(6, 10, 9, 8), 3, 1, 1)
    for choice in ("best", "random", "mean"):
        few, many = (find_ghosts(maps, share, choice=choice).first(2) for share in (0.2, 0.5))
        assert len(few.targets) == 2 and torch.equal(few.apply(maps), many.apply(maps))
    with pytest.raises(ValueError, match="count should be from 1 to 2 instead of 3"):
        few.first(3)


@pytest.mark.parametrize("choice", ["best", "random", "mean"])
def test_no_source_is_replaced_and_dead_maps_are_left(maps, choice):
    ghosts = find_ghosts(maps, 0.5, choice=choice)
    sources, targets = set(ghosts.sources.tolist()), ghosts.targets.tolist()
    assert len(set(targets)) == len(targets) and not sources & set(targets)
    assert 5 not in sources | set(targets)
    assert 2 <= len(targets) <= 3  # of five live channels, three at most if they share a source


def test_the_controls(maps):
    best, mean = find_ghosts(maps, 1 / 3), find_ghosts(maps, 1 / 3, choice="mean")
    assert torch.equal(best.targets, mean.targets)
    filled = mean.apply(maps)
    for target in mean.targets.tolist():
        expected = torch.full_like(maps[:, target], maps[:4, target].mean().item())
        torch.testing.assert_close(filled[:, target], expected)
    first, again, other = (find_ghosts(maps, 0.4, choice="random", seed=seed) for seed in (0, 0, 1))
    assert pairs_of(first) == pairs_of(again) != pairs_of(other)
    for source, target, kernel in zip(first.sources.tolist(), first.targets.tolist(), first.kernels[:, 0], strict=True):
        torch.testing.assert_close(kernel.float(), reconstruct(maps, source, target).kernel, rtol=1e-4, atol=1e-5)


class Doubled(nn.Module):
    """Of its four maps the last two are multiples of the first two, and it sees only sums over the image."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.act = nn.ReLU()
        self.fc = nn.Linear(4, 5)
        with torch.no_grad():
            self.conv.weight[2:] = 2 * self.conv.weight[:2]
            self.conv.bias[2:] = 2 * self.conv.bias[:2]

    def forward(self, x):
        return self.fc(self.act(self.conv(x)).mean((2, 3)))


def test_answers_with_perfect_ghosts_are_the_same():
    model, images = Doubled(), torch.randn(10, 3, 8, 8)
    ghosts = find_ghosts(capture(model, ["act"], images)["act"], 0.5)
    assert ghosts.r2.tolist() == pytest.approx([1, 1])
    answers = answers_with_ghosts(model, {"act": ghosts}, images, batch_size=3)
    torch.testing.assert_close(answers.before, answers.after)
    with torch.no_grad():
        torch.testing.assert_close(answers.before, model(images).softmax(1))
    again = answers_with_ghosts(model, {"act": ghosts}, images, before=answers.before)
    assert again.before is answers.before
    torch.testing.assert_close(again.after, answers.after)
    assert not answers.changed.any() and answers.kept.tolist() == pytest.approx([1] * 10, abs=1e-5)


def test_the_network_is_left_as_it_was():
    model, images = Doubled().train(), torch.randn(6, 3, 8, 8)
    before = model(images)
    ghosts = find_ghosts(capture(model, ["act"], images)["act"], 0.25, choice="mean")
    with pytest.raises(KeyError), replaced(model, {"act": ghosts}):
        assert not torch.equal(model(images), before)
        raise KeyError
    assert torch.equal(model(images), before)
    answers_with_ghosts(model, {"act": ghosts}, images)
    assert model.training and torch.equal(model(images), before)


def test_what_answers_say():
    before = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4]])
    after = torch.tensor([[0.35, 0.6, 0.05], [0.1, 0.6, 0.3]])
    answers = Answers(before, after)
    assert answers.changed.tolist() == [True, False]
    assert answers.kept.tolist() == pytest.approx([0.5, 1.2])


def test_shuffled_maps_keep_their_values_and_lose_their_places(maps):
    shuffled = shuffled_pixels(maps)
    assert torch.equal(shuffled.flatten(2).sort().values, maps.flatten(2).sort().values)
    assert similarity(maps)[1, 4] == pytest.approx(1)
    assert similarity(shuffled)[1, 4] < 0.15  # 960 pixels: a deviation of 0.03
    assert torch.equal(shuffled, shuffled_pixels(maps)) and not torch.equal(shuffled, shuffled_pixels(maps, seed=1))


def test_redundancy_by_layer_is_that_of_each_layers_maps():
    model, images = (
        nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 3), nn.ReLU6()),
        torch.randn(6, 3, 9, 9),
    )
    assert nonlinearities(model) == ["1", "3"]
    found = redundancy_by_layer(model, images, progress=False)
    assert list(found) == ["1", "3"]
    for layer, result in found.items():
        assert torch.equal(result.r2, redundancy(capture(model, [layer], images)[layer]).r2)
    shuffled = redundancy_by_layer(model, images, ["3"], shuffle=True, progress=False)["3"]
    assert torch.equal(shuffled.r2, redundancy(shuffled_pixels(capture(model, ["3"], images)["3"])).r2)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda maps: find_ghosts(maps, 0.6), "share=0.6 is out of range: it must be above 0 and at most 0.5"),
        (lambda maps: find_ghosts(maps, 0), "share=0 is out of range"),
        (lambda maps: find_ghosts(maps, 0.5, choice="worst"), "choice='worst' is unknown"),
        (lambda maps: find_ghosts(maps[:, 4:], 0.5), "1 of 2 channels are alive"),
        (lambda maps: find_ghosts(maps, 0.5, kernel_size=2), "kernel_size=2 is even"),
        (lambda maps: nonlinearities(nn.Sequential(nn.Conv2d(1, 1, 1))), "Sequential has no ReLU"),
    ],
)
def test_errors_teach(maps, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(maps)
