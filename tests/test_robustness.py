"""Machines that are not as they should be: no room, no home, half a network. Each gives a sentence and leaves nothing.

Where a limit would hurt the test itself, the command runs in a process of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lightnets_edu.training import DatasetError, fashion_mnist, load_fashion_mnist

ROOT = Path(__file__).resolve().parents[1]
TRAIN = """train mobilenet_v1 --set width_mult=0.25 --data shapes --limit 32 --test-limit 16 --epochs 1
--recipe batch_size=16 --recipe warmup_epochs=0 --device cpu""".split()
# Loaded before the limit is set, since Python itself writes files while it imports.
COMMAND = """
import os, resource, sys
import lightnets_edu.recording, lightnets_edu.training, lightnets_edu.models, lightnets_edu.timing, torchvision.datasets
from lightnets_edu.cli import main
LIMIT
sys.exit(main(sys.argv[1:]))
"""


def run(limit: str, arguments: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process with a limit."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **variables}
    code = COMMAND.replace("LIMIT", limit)
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_a_full_disk(tmp_path):
    """No file may grow past 20 kB: a checkpoint does, a record would."""
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    done = run(limit, [*TRAIN, "--out", "run.json", "--json"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "run.json.checkpoint' cannot be written (File too large): nothing was changed." in done.stderr
    assert "Make room or name another file" in done.stderr and len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_written(tmp_path):
    """A record beside the home is written; the cache of downloads, which lies in it, is done without."""
    home, out = tmp_path / "home", tmp_path / "out"
    for folder, mode in ((home, 0o555), (out, 0o777), (tmp_path, 0o755)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
    # Root may write everywhere: become nobody. Nobody may not walk down to the test's folder, hence the relative paths,
    # and perhaps not to the installed packages, hence the rehearsal, which loads all of them. Root tidies up at last.
    rehearsal = "main([*sys.argv[1:-1], 'rehearsal.json']); os.remove('rehearsal.json')"
    ordinary = f"if os.geteuid() == 0: {rehearsal}; import atexit; atexit.register(os.seteuid, 0); os.seteuid(65534)"
    try:
        done = run(ordinary, [*TRAIN, "--out", "run.json"], out, HOME=str(home))
        assert done.returncode == 0, done.stderr
        refused = run(ordinary, [*TRAIN, "--out", "../home/run.json"], out, HOME=str(home))
        assert refused.returncode == 2 and "Permission denied" in refused.stderr
        assert "Traceback" not in refused.stderr
    finally:
        home.chmod(0o755)
    assert list(home.iterdir()) == []
    assert [path.name for path in out.iterdir()] == ["run.json"]


# --- Networks -----------------------------------------------------------------------------------------------


class Half(BaseHTTPRequestHandler):
    """A proxy that promises a file, sends half of it and hangs up."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"x" * 50_000)

    def log_message(self, *arguments: object) -> None:
        """Silent."""


@pytest.fixture
def half_a_network() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Half)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_copy(tmp_path, monkeypatch) -> Path:
    """No copy of the data set on this machine; an empty cache; downloads go through the proxy that the test names."""
    monkeypatch.setattr(fashion_mnist, "SYSTEM_FOLDER", tmp_path / "nowhere")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it keeps the proxies of the first download of a process
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("LIGHTNETS_DATA", "no_proxy", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def no_network() -> str:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize(
    ("network", "split", "limit"), [("half_a_network", "test", 10_000), ("no_network", "train", 8_001)]
)
def test_a_download_that_fails(no_copy, request, monkeypatch, network, split, limit):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, request.getfixturevalue(network))
    sentence = (
        rf"limit={limit:,} needs the full Fashion-MNIST.*the download failed \(.*put the set's four .gz files into"
    )
    with pytest.raises(DatasetError, match=sentence):
        load_fashion_mnist(split, limit=limit)
    assert len(load_fashion_mnist("train", limit=8_000)) == 8_000
    assert list(no_copy.rglob("*")) == []
