"""Begin a chapter: ``python -m lightnets_edu.template 17_my_paper`` in the project's root (``make chapter`` calls it).

It copies the tree ``templates/chapter`` with the chapter's number and name put in: notebook, model, widget, exercises,
study and tests. The tests fail, each with a sentence about what is still to be done, until it is done.

``python -m lightnets_edu.template --setup-cells`` writes the cell that installs the package into every notebook.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lightnets_edu._version import __version__

NAME = re.compile(r"(\d\d)_([a-z][a-z0-9]*(?:_[a-z0-9]+)*)")
REPOSITORY = re.compile(r"^  url: (\S+)$", re.MULTILINE)
CODE_CELL = re.compile(r"(```\{code-cell\} ipython3\n)(.*?)(\n```)", re.DOTALL)


def setup_cell(root: Path, version: str = __version__, notebook: str = "") -> str:
    """The first cell of every chapter: it installs the package where it is missing (in Colab), and nothing else.

    pip leaves alone what is there and new enough, so nothing that Colab ships is upgraded. A released book installs
    its own version; one between releases the present state.

    Args:
        root: The project's root; its ``_config.yml`` names the repository.
        version: The package's version.
        notebook: Its text; one that loads photographs needs the packages that they and a trained network come in.
    """
    found = REPOSITORY.search((root / "_config.yml").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{root / '_config.yml'} names no repository (repository: url: https://…)")
    extras = "counters,photos" if "load_photos" in notebook else "counters"
    revision = "main" if "dev" in version else f"v{version}"
    return (
        "try:\n"
        "    import lightnets_edu\n"
        "except ImportError:\n"
        f'    book = "git+{found[1]}@{revision}"\n'
        f'    %pip install -q "lightnets-edu[{extras}] @ {{book}}"'
    )


def with_setup_cell(notebook: str, cell: str) -> str:
    """A notebook's text with its first code cell replaced."""
    return CODE_CELL.sub(lambda match: f"{match[1]}{cell}{match[3]}", notebook, count=1)


def write_setup_cells(root: Path) -> list[Path]:
    """Bring the first code cell of every chapter up to date; returns the notebooks that changed."""
    changed = []
    for path in sorted((root / "notebooks").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if (new := with_setup_cell(text, setup_cell(root, notebook=text))) != text:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


def new_chapter(root: Path, name: str) -> list[Path]:
    """Write the files of a new chapter; nothing that exists is changed.

    Args:
        root: The project's root.
        name: Number and name, such as ``17_my_paper``.

    Returns:
        The files.

    Raises:
        ValueError: If the name does not have this form, or a file is there already: then none is written.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"a chapter's name should be two digits, then words, such as 17_my_paper, instead of {name!r}")
    number, paper = match.groups()
    template = root / "templates" / "chapter"
    if not template.is_dir():
        raise ValueError(f"there is no {template}: go to the root of a checkout of the repository first")
    tokens = {
        "SETUP_CELL": setup_cell(root),
        "CHAPTER": str(int(number)),
        "NN_": f"{number}_",
        "paper_name": paper,
        "PaperName": "".join(word.capitalize() for word in paper.split("_")),
    }
    texts = {}
    for source in sorted(template.rglob("*")):
        if source.suffix in (".md", ".py"):
            path = root / _filled(source.relative_to(template).as_posix(), tokens)
            texts[path] = _filled(source.read_text(encoding="utf-8"), tokens)
    there = [path for path in [*texts, *(root / "notebooks").glob(f"{number}_*")] if path.exists()]
    if there:
        raise ValueError(f"{there[0].relative_to(root)} is there already: choose another number or name")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _filled(text: str, tokens: dict[str, str]) -> str:
    for token, value in tokens.items():
        text = text.replace(token, value)
    return text


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status."""
    root = Path.cwd()
    if len(arguments) != 1:
        print("usage: make chapter NAME=17_my_paper", file=sys.stderr)
        return 2
    try:
        paths = write_setup_cells(root) if arguments == ["--setup-cells"] else new_chapter(root, arguments[0])
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for path in paths:
        print(path.relative_to(root))
    if arguments != ["--setup-cells"]:
        tests = " ".join(str(path.relative_to(root)) for path in paths if path.parts[-3] == "tests")
        print(f"Written. What to do now is what this says: pytest {tests}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
