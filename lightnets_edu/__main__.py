"""``python -m lightnets_edu``."""

from lightnets_edu.cli import main

if __name__ == "__main__":  # a worker process of a study looks into this file, too
    raise SystemExit(main())
