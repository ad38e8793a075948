"""What the files that nobody imports say: package list, versions, workflows, notices."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from lightnets_edu import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == __version__
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] in (__version__, "Unreleased") and len(headings) == len(set(headings))


def test_the_citation_can_be_read():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    needed = {"cff-version", "message", "title", "authors", "version", "license", "repository-code"}
    assert needed <= set(citation) and citation["license"] == PROJECT["project"]["license"]
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    urls = PROJECT["project"]["urls"]
    assert citation["repository-code"] == config["repository"]["url"] == urls["Repository"]
    assert citation["url"] == config["html"]["baseurl"] == urls["Book"]


def test_lower_bounds_are_given():
    """Without one, nobody knows what the lowest allowed version is, and `make matrix` could not try it."""
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    for requirement in (Requirement(text) for group in groups for text in group):
        bounds = [s for s in requirement.specifier if s.operator in (">=", "==")]
        assert bounds or requirement.name == "lightnets-edu", requirement


# --- Workflows ----------------------------------------------------------------------------------------------


def workflow(path: Path) -> dict:
    """A workflow; YAML reads its key ``on`` as the truth value."""
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert "on" in read or True in read, f"{path.name} never runs"
    return read


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_calls_exists(path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    jobs = workflow(path)["jobs"]
    for name, job in jobs.items():
        for needed in [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", ()):
            assert needed in jobs, f"{name} needs {needed}"
        if called := job.get("uses"):
            assert (ROOT / called).is_file(), called
            continue
        assert job["runs-on"] and job["steps"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), f"{name}: a step either uses an action or runs a command"
            assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", step["uses"]), step
            for script in re.findall(r"(?:^|\s)(\.[\w/]+/\w+)", step.get("run", "")):
                assert (ROOT / script).is_file(), script
            if made := re.match(r"make (.+)", step.get("run", "")):
                assert set(made[1].split()) <= targets, step["run"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_job_says_what_it_catches(path):
    text = path.read_text(encoding="utf-8")
    for job in workflow(path)["jobs"]:
        assert re.search(rf"^  {job}:\n    # Catches: ", text, re.MULTILINE), job


def test_the_tests_run_on_every_python_that_is_promised():
    job = workflow(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["tests"]
    promised = [
        found[1]
        for name in PROJECT["project"]["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", name))
    ]
    assert job["strategy"]["matrix"]["python"] == promised
    assert PROJECT["project"]["requires-python"] == f">={promised[0]}"
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_the_lowest_versions_are_those_of_the_bounds():
    made = runpy.run_path(str(ROOT / "tests" / "matrix" / "lowest.py"))["lowest"](PROJECT["project"])
    written = (ROOT / "tests" / "matrix" / "lowest.txt").read_text(encoding="utf-8")
    assert written == made, "run `python tests/matrix/lowest.py`"
