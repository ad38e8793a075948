"""The wheel, installed as a stranger would have it: its data files, its command, from another folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = (".py", ".js", ".css", ".json", ".typed", ".xz")
LICENCES = ("LICENSE", "lightnets_edu/training/fashion_mnist_images/LICENSE")
MOST_BYTES = 6_000_000  # real images included

# One process asks for all: every start of torch takes seconds.
QUESTIONS = """
import json
import lightnets_edu
from importlib.metadata import entry_points, requires, version
from lightnets_edu.counting import count
from lightnets_edu.models import get_model, weights_info
from lightnets_edu.pages import get_widget, list_widgets
from lightnets_edu.pages.widget.widgets import static_script
from lightnets_edu.records import recorded_devices, recorded_run, results_folder
print(json.dumps({
    "file": lightnets_edu.__file__,
    "version": version("lightnets-edu"),
    "results": str(results_folder()),
    "devices": recorded_devices(),
    "recorded": recorded_run("cpu/mobilenet_v1-0.25")["model"],
    "widgets": list_widgets(),
    "widget": get_widget("convolution_explorer")().evaluate(in_channels=3, out_channels=6, kernel_size=11)["params"],
    "script": "lightnets" in static_script(),
    "weights": weights_info("ghostnet").model,
    "params": count(get_model("squeezenet1_1"), (1, 3, 64, 64)).params,
    "command": [e.value for e in entry_points(group="console_scripts", name="lightnets")],
    "extras": sorted({r.partition("extra == ")[2].strip('"') for r in requires("lightnets-edu") if "extra ==" in r}),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing is left in the checkout, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("lightnets_edu", "results"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(source)], check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A virtual environment with the wheel; what it depends on is seen through a path file."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, timeout=120)
    purelib = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    (Path(purelib) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def run(command: list[str], folder: Path) -> str:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_source_and_data_file_is_in_it(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    packed = {name for name in names if ".dist-info/" not in name}
    package = {p.relative_to(ROOT).as_posix() for p in (ROOT / "lightnets_edu").rglob("*") if p.suffix in DATA}
    recorded = {f"lightnets_edu/{p.relative_to(ROOT).as_posix()}" for p in (ROOT / "results").rglob("*.json")}
    assert packed == package | recorded | {LICENCES[1]}
    assert {f"lightnets_edu-{version('lightnets-edu')}.dist-info/licenses/{name}" for name in LICENCES} <= names
    assert wheel.stat().st_size <= MOST_BYTES


def test_it_works_from_another_folder(environment, tmp_path):
    strict = ["-W", "error"]
    if version("ipywidgets").startswith("7."):  # it uses much that is deprecated
        strict += ["-W", "ignore::DeprecationWarning"]
    answers = json.loads(run([str(environment / "python"), *strict, "-c", QUESTIONS], tmp_path))
    installed = environment.parent
    assert Path(answers["file"]).is_relative_to(installed) and Path(answers["results"]).is_relative_to(installed)
    assert answers["recorded"] == "mobilenet_v1" and "cpu" in answers["devices"]
    assert answers["script"] and answers["weights"] == "ghostnet" and "convolution_explorer" in answers["widgets"]
    assert answers["widget"] == 11 * 11 * 3 * 6
    assert answers["params"] == 1_235_496  # torchvision's documentation of squeezenet1_1
    assert answers["command"] == ["lightnets_edu.cli:main"]
    assert {"book", "counters", "test"} <= set(answers["extras"])
    assert list(tmp_path.iterdir()) == []


def test_importing_it_loads_nothing_else(environment, tmp_path):
    code = "import sys, torch; before = set(sys.modules); import lightnets_edu; print(*set(sys.modules) - before)"
    loaded = run([str(environment / "python"), "-c", code], tmp_path).split()
    assert sorted(loaded) == ["lightnets_edu", "lightnets_edu._version"]


def test_the_command(environment, tmp_path):
    listed = json.loads(run([str(environment / "lightnets"), "list", "--json"], tmp_path))
    assert "ghostnet" in listed["models"]
