"""Write the images that come with the package: ``python -m lightnets_edu.training.ship_fashion_mnist``.

It needs the full set once (see ``load_fashion_mnist``) and takes the first images of each file as they are, bit by bit.
The files are checked against the digests in ``fashion_mnist.SHIPPED`` whenever they are read.
"""

from __future__ import annotations

import hashlib
import lzma
import sys
from pathlib import Path

import numpy as np

from lightnets_edu.runtime.files import atomic_file
from lightnets_edu.training import fashion_mnist


def ship(folder: Path) -> dict[str, str]:
    """Write the files.

    Args:
        folder: Where to.

    Returns:
        File name to the SHA-256 of its content when unpacked.

    Raises:
        DatasetError: If the full set cannot be had, or is not what it should be.
        OSError: If a file cannot be written.
    """
    digests = {}
    for split, files in fashion_mnist.SHIPPED.items():
        full = fashion_mnist.load_full_fashion_mnist(split)
        arrays = (full.images[:, 0].numpy(), full.labels.numpy().astype(np.uint8))
        for file, array in zip(files, arrays, strict=True):
            content = fashion_mnist.format_idx(array[: file.shape[0]])
            with atomic_file(folder / f"{file.name}.xz") as handle:
                handle.write(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
            digests[file.name] = hashlib.sha256(content).hexdigest()
    return digests


def main() -> int:
    """Write them into the package; the exit status is 1 if they are other images than the package promises."""
    promised = {file.name: file.sha256 for files in fashion_mnist.SHIPPED.values() for file in files}
    written = ship(fashion_mnist.SHIPPED_FOLDER)
    for name, digest in written.items():
        print(digest, name)
    if written != promised:
        print("These are not the digests in fashion_mnist.SHIPPED.", file=sys.stderr)
    return int(written != promised)


if __name__ == "__main__":
    sys.exit(main())
