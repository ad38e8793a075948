"""Where do downloaded data sets lie? The folder that the user names, and the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

from lightnets_edu.training.data import DatasetError

DOWNLOAD_TIMEOUT = 20.0  # seconds without an answer before a download is given up


def named_folder() -> Path | None:
    """The folder that the environment variable LIGHTNETS_DATA names; None if it is not set.

    Raises:
        DatasetError: If it names no folder.
    """
    named = os.environ.get("LIGHTNETS_DATA")
    if not named:
        return None
    if not os.path.isdir(named):
        raise DatasetError(
            f"the environment variable LIGHTNETS_DATA names {named!r}, which is no folder that can be "
            "read: make it, correct the name, or unset the variable."
        )
    return Path(named)


def cache_folder() -> Path | None:
    """The package's folder in the user's cache; None if the user has no home folder. It need not exist."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(root):  # the XDG rules say that a relative one is to be ignored
        return Path(root, "lightnets_edu")
    try:
        return Path.home() / ".cache" / "lightnets_edu"
    except RuntimeError:
        return None


def one_line(error: Exception) -> str:
    """What an error says, as a clause."""
    return " ".join(str(getattr(error, "reason", error)).split()).rstrip(".") or type(error).__name__
