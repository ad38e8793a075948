"""Live in JupyterLab: a widget, where slider and Python object move each other; a scoreboard; networks timed here."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from playwright.sync_api import expect

from .conftest import ROOT

NOTEBOOKS = {
    "widget": (
        "from lightnets_edu.pages import get_widget\nw = get_widget('convolution_explorer')(in_channels=32)\nw",
        "print('groups', w.groups, 'MACs', w.evaluate()['macs'])",
        "w.out_channels = 200\nw.stride = 3",
    ),
    "board": (
        "from lightnets_edu.pages.board.explore import Column, explore\n"
        "columns = [Column('name', 'Name', text=True), Column('cost', 'Cost', better='lower'),\n"
        "           Column('gain', 'Gain', digits=1, better='higher')]\n"
        "rows = [{'name': name, 'cost': 2**i, 'gain': i % 3} for i, name in enumerate('abcd')]\n"
        "explore(rows, columns, name='made', title='Made', x='cost', y='gain', label='name', pareto=True)",
        "explore(rows, columns, name='other', title='Other', x='cost', y='gain', label='name')",
    ),
    "live": ("from lightnets_edu.pages.live import time_here\ntime_here()",),
}
FOLDERS = ("JUPYTER_CONFIG", "JUPYTER_DATA", "JUPYTER_RUNTIME", "JUPYTERLAB_SETTINGS", "JUPYTERLAB_WORKSPACES")
HOMES = ("HOME", "IPYTHONDIR", *(f"{name}_DIR" for name in FOLDERS))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("lab")
    for name, cells in NOTEBOOKS.items():
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
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
        yield f"{address}/lab/tree"
    finally:
        server.terminate()
        server.wait(20)
        log.close()


@pytest.fixture
def notebook(lab, browser):
    """Opens a notebook by its name: its page, its cells, and a function that runs one of them."""
    context = browser.new_context(viewport={"width": 1400, "height": 1300})

    def open_notebook(name: str):
        page = context.new_page()
        page.set_default_timeout(40_000)
        page.goto(f"{lab}/{name}.ipynb?reset")
        cells = page.locator(".jp-CodeCell")
        cells.nth(len(NOTEBOOKS[name]) - 1).wait_for()
        page.get_by_text("| Idle").wait_for()  # the kernel listens

        def run(index: int) -> None:
            cells.nth(index).locator(".jp-InputArea-editor").click()
            page.keyboard.press("Control+Enter")

        return page, cells, run

    yield open_notebook
    context.close()


def test_slider_and_python_move_each_other(notebook):
    page, cells, run = notebook("widget")
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


def test_the_scoreboard_is_live(notebook):
    page, cells, run = notebook("board")
    run(0)
    board = page.locator("[data-explore=made][data-ready]")
    status, active = board.get_by_role("status"), board.locator("tr.lx-active .lx-name")
    expect(status).to_have_text("4 of 4 networks.")
    expect(board.locator("[data-point]")).to_have_count(4)
    expect(board.locator("figcaption")).to_contain_text("(★ in the table): a, b, c.")
    board.locator("[name=find]").fill("c")
    expect(status).to_contain_text("Found 1: c")
    board.get_by_role("button", name="Reset").click()
    board.locator("[name=sort_gain]").click()
    expect(board.locator("tbody .lx-name")).to_have_text(["c", "b", "a", "d"])
    plot = board.get_by_role("slider")
    plot.focus()
    for key, name in (("Home", "a"), ("ArrowRight", "b"), ("ArrowUp", "c"), ("ArrowDown", "b")):
        page.keyboard.press(key)
        expect(active).to_have_text(name)
    expect(cells.nth(0)).to_have_class(re.compile("jp-mod-active"))  # the notebook leaves the keys to the board
    run(1)
    other = page.locator("[data-explore=other][data-ready]")
    other.get_by_label("Find name").fill("a")  # its label names its own input
    expect(other.get_by_role("status")).to_contain_text("Found 1: a")


def test_networks_are_timed(notebook):
    page, _, run = notebook("live")
    run(0)
    live = page.locator("[data-live=time]")
    live.locator("[data-action=start]").click()
    live.locator("[data-live-row]").first.wait_for()
    live.locator("[data-action=stop]").click()
    expect(live.get_by_role("status")).to_contain_text("Stopped: ")
