"""Train the networks that readers look into: ``python -m lightnets_edu.pages.live.look.make``, some minutes.

Each is that of its chapter's study, trained as there with the first seed. An argument names one of them.
"""

from __future__ import annotations

import sys

from lightnets_edu.pages.live.look.trained import LOOKED_INTO, save, train_network


def main() -> None:
    """Train and write all, or those that are named."""
    for name in sys.argv[1:] or LOOKED_INTO:
        trained = train_network(name)
        path = save(trained)
        print(f"{path.name}: {trained.parameters:,} parameters, {trained.accuracy:.1%}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
