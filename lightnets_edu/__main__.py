"""``python -m lightnets_edu``."""

from lightnets_edu.cli import main

raise SystemExit(main())
