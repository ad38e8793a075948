"""A widget live in JupyterLab: the slider moves the Python object, and the Python object moves the slider."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from playwright.sync_api import expect

from .conftest import ROOT

CELLS = (
    "from lightnets_edu.pages import get_widget\nw = get_widget('convolution_explorer')(in_channels=32)\nw",
    "print('groups', w.groups, 'MACs', w.evaluate()['macs'])",
    "w.out_channels = 200\nw.stride = 3",
)
FOLDERS = ("JUPYTER_CONFIG", "JUPYTER_DATA", "JUPYTER_RUNTIME", "JUPYTERLAB_SETTINGS", "JUPYTERLAB_WORKSPACES")
HOMES = ("HOME", "IPYTHONDIR", *(f"{name}_DIR" for name in FOLDERS))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def lab(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, tmp_path / "live.ipynb")
    port = free_port()
    (tmp_path / ".home").mkdir()
    homes = dict.fromkeys(HOMES, str(tmp_path / ".home"))  # nothing of this reaches the user's own home
    options = f"--no-browser --ip=127.0.0.1 --port={port} --ServerApp.port_retries=0 --allow-root".split()
    options += ["--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path}"]
    options += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    log = (tmp_path / "lab.log").open("w")
    environment = {**os.environ, **homes, "PYTHONPATH": path}
    command = [sys.executable, "-m", "jupyterlab", *options]
    server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            assert server.poll() is None, (tmp_path / "lab.log").read_text()[-2000:]
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1)
                break
            except OSError:
                time.sleep(0.2)
        yield f"{address}/lab/tree/live.ipynb?reset"
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def test_slider_and_python_move_each_other(lab, browser):
    context = browser.new_context(viewport={"width": 1400, "height": 1300})
    page = context.new_page()
    page.set_default_timeout(40_000)
    page.goto(lab)
    cells = page.locator(".jp-CodeCell")
    cells.nth(2).wait_for()
    page.get_by_text("| Idle").wait_for()  # the kernel listens

    def run(index: int) -> None:
        cells.nth(index).locator(".jp-InputArea-editor").click()
        page.keyboard.press("Control+Enter")

    run(0)
    widget = page.locator("[data-widget=convolution_explorer]")
    widget.locator("[name=groups]").wait_for()
    expect(widget.locator("[name=in_channels]")).to_have_value("32")

    widget.locator("[name=groups]").fill("8")
    run(1)
    macs = 9 * 32 * 128 * 56 * 56 // 8
    expect(cells.nth(1).locator(".jp-OutputArea-output")).to_have_text(f"groups 8 MACs {macs}\n", use_inner_text=False)
    expect(widget.locator("[data-output=macs]").first).to_have_attribute("data-value", str(macs))

    run(2)
    expect(widget.locator("[name=out_channels]")).to_have_value("200")
    expect(widget.locator("[name=stride]")).to_have_value("3")
    macs = 9 * 32 * 200 * 19 * 19 // 8
    expect(widget.locator("[data-output=macs]").first).to_have_attribute("data-value", str(macs))
    if os.environ.get("LIGHTNETS_SCREENSHOT"):
        page.screenshot(path=os.environ["LIGHTNETS_SCREENSHOT"])
    context.close()
