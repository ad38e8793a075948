"""Our table of the full Fashion-MNIST against torchvision's, and the images that come with the package against it.

This needs the full set: from LIGHTNETS_DATA, the cache, Debian's package dataset-fashion-mnist, or a download.
"""

from __future__ import annotations

import gzip
import hashlib
import struct

import pytest
import torch

from lightnets_edu.training import fashion_mnist, load_fashion_mnist
from lightnets_edu.training.fashion_mnist import load_full_fashion_mnist

# Seconds since 1970 in the gzip headers of the published files (31 August 2017).
PACKED_AT = {
    "train-images-idx3-ubyte.gz": 1504176606,
    "train-labels-idx1-ubyte.gz": 1504176606,
    "t10k-images-idx3-ubyte.gz": 1504176627,
    "t10k-labels-idx1-ubyte.gz": 1504176627,
}


@pytest.mark.parametrize(("split", "count"), [("train", 60_000), ("test", 10_000)])
def test_the_full_set(split, count):
    full, shipped = load_full_fashion_mnist(split), load_fashion_mnist(split)
    assert full.images.shape == (count, 1, 28, 28)
    assert torch.bincount(full.labels).tolist() == [count // 10] * 10
    assert torch.equal(full.images[: len(shipped)], shipped.images)
    assert torch.equal(full.labels[: len(shipped)], shipped.labels)
    if split == "train":  # the statistics that everybody quotes
        normalisation = full.normalisation()
        assert normalisation.mean == pytest.approx((0.2860,), abs=5e-5)
        assert normalisation.std == pytest.approx((0.3530,), abs=5e-5)


def test_content_is_what_torchvision_publishes():
    """torchvision publishes MD5s of the packed files. Debian's copies differ from them in the gzip header alone.

    With time and file name put back, the MD5s agree, so the SHA-256s in our table are those of the published content.
    """
    from torchvision.datasets import FashionMNIST

    published = dict(FashionMNIST.resources)
    assert set(published) == set(PACKED_AT)
    for split, files in fashion_mnist.FULL.items():
        load_full_fashion_mnist(split)  # fetches what is nowhere
        for file in files:
            name = f"{file.name}.gz"
            folder = next(folder for folder, _ in fashion_mnist._folders() if (folder / name).is_file())
            packed = (folder / name).read_bytes()
            if packed[3] == 0:  # no file name in the header
                header = b"\x1f\x8b\x08\x08" + struct.pack("<I", PACKED_AT[name]) + packed[8:10]
                packed = header + file.name.encode() + b"\0" + packed[10:]
            assert hashlib.md5(packed).hexdigest() == published[name]
            assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == file.sha256
