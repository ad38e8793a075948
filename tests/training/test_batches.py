"""Batches: what is in them, in which order, and how they are augmented."""

from __future__ import annotations

from itertools import chain, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightnets_edu.training import Batches, ImageDataset, Normalisation, make_shapes

CPU = torch.device("cpu")


def numbered(count: int, channels: int = 1, size: int = 3) -> ImageDataset:
    """Image i has the label i and, in its middle pixel, the value i."""
    images = torch.zeros(count, channels, size, size, dtype=torch.uint8)
    images[:, :, size // 2, size // 2] = torch.arange(count).view(-1, 1).to(torch.uint8)
    names = tuple(str(i) for i in range(count))
    return ImageDataset(images, torch.arange(count), names, "numbered", "made", is_real=False, split="train")


def labels_of(batches: Batches, epoch: int) -> list[list[int]]:
    return [labels.tolist() for _, labels in batches.epoch(epoch)]


def test_every_image_once_and_in_order():
    batches = Batches(numbered(10), 4, CPU)
    assert len(batches) == 3
    assert labels_of(batches, 0) == labels_of(batches, 5) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [labels.tolist() for _, labels in batches] == labels_of(batches, 0)


@given(
    count=st.integers(2, 40), batch_size=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 99)
)
@settings(max_examples=40)
def test_shuffled_order_depends_on_seed_and_epoch_alone(count, batch_size, seed, epoch):
    dataset = numbered(count)
    if batch_size > count:
        with pytest.raises(ValueError, match=f"batch_size={batch_size} is more than the {count} images"):
            Batches(dataset, batch_size, CPU, shuffle=True)
        return
    batches = Batches(dataset, batch_size, CPU, shuffle=True, seed=seed)
    order = labels_of(batches, epoch)
    assert len(order) == len(batches) == count // batch_size
    assert all(len(batch) == batch_size for batch in order)
    seen = list(chain.from_iterable(order))
    assert len(set(seen)) == len(seen)
    torch.rand(3)  # the global generator plays no part
    labels_of(batches, epoch + 1)  # nor does what was drawn before
    assert labels_of(Batches(dataset, batch_size, CPU, shuffle=True, seed=seed), epoch) == order


def test_seeds_and_epochs_do_not_collide():
    def order(seed, epoch):
        (labels,) = labels_of(Batches(numbered(30), 30, CPU, shuffle=True, seed=seed), epoch)
        return tuple(labels)

    assert len({order(seed, epoch) for seed in range(4) for epoch in range(4)}) == 16


def test_padding_normalisation_and_channels():
    images = torch.full((2, 1, 28, 28), 51, dtype=torch.uint8)  # 0.2
    images[1] = 102  # 0.4
    dataset = ImageDataset(images, torch.tensor([0, 1]), ("a", "b"), "flat", "made", is_real=False, split="train")
    batches = Batches(dataset, 2, CPU)
    assert batches.normalisation.mean == pytest.approx((0.3,))
    assert batches.normalisation.std == pytest.approx((0.1,))
    (batch, _), *_ = batches
    assert batch.shape == (2, 3, 32, 32) and batch.dtype == torch.float32
    assert batch[0, :, 2:30, 2:30].allclose(torch.tensor(-1.0), atol=1e-5)
    assert batch[1, :, 2:30, 2:30].allclose(torch.tensor(1.0), atol=1e-5)
    border = torch.ones(32, 32, dtype=torch.bool)
    border[2:30, 2:30] = False
    assert batch[:, :, border].allclose(torch.tensor(-3.0), atol=1e-5)  # black, (0 - 0.3) / 0.1
    other = Batches(dataset, 2, CPU, channels=1, image_size=28, normalisation=Normalisation((0.2,), (0.2,)))
    (batch, _), *_ = other
    assert batch.shape == (2, 1, 28, 28)
    assert batch[1].allclose(torch.tensor(1.0), atol=1e-5)


def test_channels_last():
    dataset = make_shapes(4, 0)
    (plain, _), *_ = Batches(dataset, 4, CPU)
    (last, _), *_ = Batches(dataset, 4, CPU, channels_last=True)
    assert last.is_contiguous(memory_format=torch.channels_last) and plain.is_contiguous()
    assert torch.equal(plain, last)


def test_what_is_refused():
    dataset = make_shapes(4, 0)
    with pytest.raises(ValueError, match="image_size=24 is smaller than the images of 28 × 28"):
        Batches(dataset, 2, CPU, image_size=24)
    with pytest.raises(ValueError, match="channels=2 is unknown: choose one of 1, 3"):
        Batches(dataset, 2, CPU, channels=2)
    with pytest.raises(ValueError, match="channels=1 is unknown: choose one of 3"):
        Batches(numbered(4, channels=3), 2, CPU, channels=1)
    with pytest.raises(ValueError, match="batch_size should be at least 1 instead of 0"):
        Batches(dataset, 0, CPU)
    with pytest.raises(ValueError, match="the normalisation has 3 channels, the images have 1"):
        Batches(dataset, 2, CPU, normalisation=Normalisation((0.0,) * 3, (1.0,) * 3))


def test_each_augmented_image_is_a_shifted_and_perhaps_mirrored_original():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(1, 256, (60, 3, 6, 6), generator=generator, dtype=torch.uint8)
    labels = torch.zeros(60, dtype=torch.int64)
    dataset = ImageDataset(images, labels, ("a",), "noise", "made", is_real=False, split="train")
    as_they_are = Normalisation((0.0,) * 3, (1 / 255,) * 3)
    batches = Batches(dataset, 60, CPU, image_size=6, augment=True, seed=1, normalisation=as_they_are)
    ((out, _),) = batches
    padded = torch.zeros(60, 3, 14, 14)
    padded[:, :, 4:10, 4:10] = images
    found = []
    for top, left, mirrored in product(range(9), range(9), (False, True)):
        crops = padded[:, :, top : top + 6, left : left + 6]
        crops = crops.flip(-1) if mirrored else crops
        same = (out - crops).abs().amax((1, 2, 3)) < 0.5
        found += [(i, top, left, mirrored) for i in same.nonzero().flatten().tolist()]
    assert sorted(entry[0] for entry in found) == list(range(60))  # one way each
    for position in (1, 2):
        assert {entry[position] for entry in found} == set(range(9))
    assert 15 < sum(entry[3] for entry in found) < 45


def test_augmentation_depends_on_seed_and_epoch_alone():
    dataset = make_shapes(20, 0)

    def epoch(number):
        batches = Batches(dataset, 10, CPU, shuffle=True, seed=7, augment=True)
        return torch.cat([images for images, _ in batches.epoch(number)])

    assert torch.equal(epoch(2), epoch(2))
    assert not torch.equal(epoch(2), epoch(3))
