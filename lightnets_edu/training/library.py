"""The runs that are recorded in the repository's ``results/`` folder, which travels inside the installed package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from lightnets_edu.training.record import load_record


def results_folder() -> Path:
    """The folder of recorded runs: the checkout's, or the installed package's."""
    checkout = Path(__file__).parents[2] / "results"
    return checkout if checkout.is_dir() else Path(str(files("lightnets_edu.results")))


def recorded_run(name: str) -> dict[str, object]:
    """A recorded run by its name, such as ``"cpu/mobilenet_v1"``.

    Raises:
        ValueError: If there is none of that name; the message lists those there are.
        RecordError: If the file is not a valid record.
    """
    folder = results_folder()
    path = folder / f"{name}.json"
    if not path.is_file():
        known = sorted(str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.json"))
        raise ValueError(f"there is no recorded run {name!r}; recorded are {', '.join(known) or 'none yet'}")
    return load_record(path)
