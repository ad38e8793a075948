"""Build the book: ``python -m lightnets_edu.pages.site.build`` in the project's root (``make book`` calls it).

Nothing is built twice: a digest of everything that the pages depend on stands beside a finished build.
Nothing is built halfway: a failed build leaves no digest, and the next one starts from an empty folder (else
its warnings would be gone).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from filelock import FileLock  # PyTorch brings it

from lightnets_edu.progress import Progress, run

PACKAGE = Path(__file__).resolve().parents[2]
CODE = {".py", ".js", ".css", ".json"}
LIBRARIES = ("torch", "torchvision", "jupyter-book", "matplotlib", "sympy")
# What Sphinx prints, colours left out: "reading sources... [ 42%] notebooks/02_fewer_flops_yet_slower".
SPHINX_STEP = re.compile(r"(reading sources|writing output)\.\.\. \[ *(\d+)%\] (\S+)")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)


def _digest(root: Path, paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.relative_to(root)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    for library in LIBRARIES:
        try:
            total.update(f"{library}={version(library)}\0".encode())
        except PackageNotFoundError:
            total.update(f"{library}=none\0".encode())
    return total.hexdigest()[:16]


def code_digest(root: Path, package: Path = PACKAGE) -> str:
    """A digest of what chapters depend on beside their cells: this package, recorded results, libraries."""
    code = [path for path in _files(package) if path.suffix in CODE]
    recorded = list(_files(root / "results"))
    return _digest(package, code) + _digest(root, recorded)


def book_digest(root: Path) -> str:
    """A digest of everything that the built pages depend on."""
    pages = [path for folder in ("book", "notebooks") for path in _files(root / folder)]
    settings = [root / name for name in ("_config.yml", "_toc.yml")]
    return code_digest(root) + _digest(root, pages + settings)


def _environment(root: Path) -> dict[str, str]:
    """What the tools see: their files go below ``_build``, not into the user's home, and idle threads sleep.

    Threads that spin instead make a busy machine take minutes for seconds. No GPU is seen: the chapters' full trainings
    are for a reader who runs a notebook, and pages are the same on every machine.
    """
    home = root / "_build" / ".home"
    names = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR")
    folders = {name: home / name.lower() for name in names}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    ours = {"OMP_WAIT_POLICY": "PASSIVE", "CUDA_VISIBLE_DEVICES": ""}
    return {**{name: str(folder) for name, folder in folders.items()}, **ours, **os.environ}


def sync_notebooks(notebooks: Path) -> None:
    """Generate the ``.ipynb`` files from the ``.md`` files; byte-identical when repeated."""
    if sources := [str(path) for path in sorted(notebooks.glob("*.md"))]:
        jupytext = [sys.executable, "-m", "jupytext", "--quiet", "--to", "ipynb", "--update"]
        subprocess.run([*jupytext, *sources], check=True, env=_environment(notebooks.parent))


def outdated_notebooks(root: Path) -> list[str]:
    """The ``.ipynb`` files that are missing or not what their ``.md`` files give; nothing is changed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(root / "notebooks", Path(folder) / "notebooks"))
        shutil.copy(root / "jupytext.toml", folder)
        sync_notebooks(copy)
        made = sorted(copy.glob("*.ipynb"))
        present = {path.name: path.read_bytes() for path in (root / "notebooks").glob("*.ipynb")}
        return [path.name for path in made if present.get(path.name) != path.read_bytes()]


def describe_step(root: Path) -> Callable[[str], str | None]:
    """From a line that Sphinx prints to a few words about how far the build is; None for all other lines."""
    chapters = len(list((root / "notebooks").glob("*.md")))

    def describe(line: str) -> str | None:
        if not (found := SPHINX_STEP.match(COLOURS.sub("", line))):
            return None
        step, percent, page = found.groups()
        if step == "writing output":
            return f"writing the pages, {percent} %"
        number, _, name = page.removeprefix("notebooks/").partition("_")
        if name and number[0].isdigit():
            return f"running chapter {number.lstrip('0')} of {chapters} ({name.replace('_', ' ')})"
        return f"reading {page}"

    return describe


def build(root: Path) -> int:
    """Build what changed; returns the exit status of Jupyter Book (0 if nothing had to be done).

    A second build of the same folder waits for the first.
    """
    (root / "_build").mkdir(exist_ok=True)
    with FileLock(root / "_build" / ".lock"):
        return _build(root)


def _build(root: Path) -> int:
    sync_notebooks(root / "notebooks")
    html = root / "_build" / "html"
    done = root / "_build" / ".digest"
    digest = book_digest(root)
    if done.exists() and done.read_text() == digest and (html / "index.html").exists():
        print("The book is up to date.")
    else:
        done.unlink(missing_ok=True)
        for folder in (html, html.with_name(".doctrees")):
            shutil.rmtree(folder, ignore_errors=True)
        environment = _environment(root)
        # Matplotlib looks at all fonts once, and says so on stderr if that takes long: not in the middle of a chapter.
        fonts = [sys.executable, "-c", "import matplotlib.font_manager"]
        jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
        command = [*jupyter_book, "build", "-W", "-n", "--keep-going", str(root)]
        with Progress("Building the book") as progress:
            progress.say("looking at the fonts")
            subprocess.run(fonts, env=environment, stderr=subprocess.DEVNULL)
            progress.say("starting")
            log = root / "_build" / "build.log"
            status = run(command, progress, describe_step(root), log=log, env=environment)
            progress.end = "failed" if status else "done"
        if status:
            print(f"The book was not built: the first warning or error in {log} says why.", file=sys.stderr)
            return status
        done.write_text(digest)
    print(f"Open {html / 'index.html'}")
    return 0


def main(arguments: list[str]) -> int:
    """Build, or with ``--check`` only say whether the generated notebooks are up to date."""
    if arguments == ["--check"]:
        if outdated := outdated_notebooks(Path.cwd()):
            names = ", ".join(outdated)
            print(f"Not up to date: {names}. `make book` generates them; commit the result.", file=sys.stderr)
        return bool(outdated)
    return build(Path.cwd())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
