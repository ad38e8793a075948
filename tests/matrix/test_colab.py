"""Every chapter as Colab runs it: an empty folder, the notebook alone, the wheel; with ipywidgets 7.7.1 and with 8.

The environment holds what Colab ships and the chapters use; the set-up cell brings the rest and may change nothing
that is there. The only change to a notebook is where its set-up cell takes the package from.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
from pathlib import Path

import pytest

from .conftest import ROOT, checkout, find_python, pip_cache, run

PYTHON = "3.12"
SHIPPED = "torch torchvision numpy pandas matplotlib sympy tqdm ipykernel<7 nbclient jupyter_client setuptools wheel"
MEMORY = 4 * 2**30  # bytes; Colab's free machines have three times as much
SOURCE = re.compile(r'book = \\"git\+[^"\\]+\\"')
# COLAB="01_convolution_cost 07_mobilenet_v1" tries some of them.
CHAPTERS = os.environ.get("COLAB", "").split() or sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module", params=["ipywidgets==7.7.1", "ipywidgets>=8"])
def colab(request, tmp_path_factory):
    """The environment and the wheel; deleted at the end."""
    place = tmp_path_factory.mktemp("colab")
    cache = {"PIP_CACHE_DIR": pip_cache()}
    run([find_python(PYTHON), "-m", "venv", "python"], place)
    python = place / "python" / "bin" / "python"
    run([python, "-m", "pip", "install", "-q", *SHIPPED.split(), request.param], place, **cache)
    tree = checkout(place / "lightnets")
    run([python, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", place, tree], place, **cache)
    (wheel,) = place.glob("*.whl")
    yield python, wheel, cache
    shutil.rmtree(place, ignore_errors=True)


def installed(python: Path) -> dict[str, str]:
    listed = json.loads(run([python, "-m", "pip", "list", "--format", "json"], python.parent))
    return {package["name"]: package["version"] for package in listed}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter(colab, chapter, place, home):
    python, wheel, cache = colab
    # Colab begins every notebook without the package, so each set-up cell has to bring what its chapter needs.
    run([python, "-m", "pip", "uninstall", "-q", "-y", "lightnets-edu"], place, **cache)
    before = installed(python)
    text = (ROOT / "notebooks" / f"{chapter}.ipynb").read_text(encoding="utf-8")
    text, replaced = SOURCE.subn(f'book = \\\\"{wheel.as_uri()}\\\\"', text)
    assert replaced == 1, "the set-up cell is not the template's"
    folder = place / "content"
    folder.mkdir()
    notebook = folder / f"{chapter}.ipynb"
    notebook.write_text(text, encoding="utf-8")
    variables = {"HOME": str(home), "OMP_WAIT_POLICY": "PASSIVE", **cache}  # see pages.site.build
    execute = [python, "-m", "jupyter", "execute", "--inplace", "--timeout=600", notebook.name]
    run(execute, folder, **variables)
    after = installed(python)
    changed = {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}
    assert changed == {}, "the set-up cell changed what Colab ships"
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    for bundle in (output["data"] for output in outputs if "data" in output):
        assert "application/vnd.jupyter.widget-view+json" not in bundle or "text/html" in bundle
    assert [path.name for path in folder.iterdir()] == [notebook.name], "the chapter left files in its folder"
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024  # of all processes so far; KiB on Linux
    assert largest <= MEMORY, f"a chapter took {largest / 2**30:.1f} GiB"
    if chapter == CHAPTERS[0]:
        run(execute, folder, **variables)  # a restart: the package is there now
