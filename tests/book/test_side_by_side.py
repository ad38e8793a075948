"""Two builds at the same time do not disturb each other, and neither needs the user's home."""

from __future__ import annotations

import os
import subprocess
import sys

from .conftest import ROOT
from .test_build import project, write  # noqa: F401

CODE = "import sys; from lightnets_edu.pages.site import build; sys.exit(build.main([]))"


def test_two_builds_at_once_without_a_home(project):  # noqa: F811
    """Both build the same folder; HOME is no folder, so that nobody, root included, can write there."""
    write(project, "print('seen')")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "JUPYTER_"))}
    environment |= {"PYTHONPATH": path, "HOME": os.devnull, "OMP_NUM_THREADS": "1"}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [sys.executable, "-c", CODE]
    builds = [subprocess.Popen(command, cwd=project, env=environment, **output) for _ in range(2)]
    printed = [build.communicate(timeout=240)[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0], "\n".join(printed)
    assert sorted("up to date" in text for text in printed) == [False, True]
    assert "seen" in (project / "_build" / "html" / "notebooks" / "page.html").read_text()
