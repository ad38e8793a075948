"""Both commands on a machine that has nothing: no data, no browser, no caches, no compiler; only package indexes.

The machine is a fresh Debian in a folder (debootstrap), seen by processes of their own (unshare, chroot). That needs
root, and the index of the system's packages that this machine uses.
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import ROOT, checkout, run

PACKAGES = ("ca-certificates", "git", "make", "python3", "python3-venv")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# $1 is the machine's folder, $2 a script. All mounts end with the processes that see them.
ENTER = """
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" /usr/bin/env -i "${@:3}" sh -ec "$2"
"""
NOT_NEEDED = ("PIP_CACHE_DIR", "PIP_FIND_LINKS", "PIP_CONFIG_FILE")  # folders of this machine


def mirror() -> tuple[str, str]:
    """This Debian's code name and the address of the index that it uses."""
    name = platform.freedesktop_os_release()["VERSION_CODENAME"]
    wanted = ["--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    asked = run(["apt-get", "indextargets", *wanted], ROOT)
    addresses = [line.split()[2] for line in asked.splitlines() if line.split()[:2] == [name, "main"]]
    assert addresses, f"no index of {name} in: {asked}"
    return name, addresses[0]


@pytest.fixture
def machine(place: Path) -> Iterator[Callable[[str], str]]:
    """Run a script in the project's folder on the bare machine."""
    missing = [tool for tool in ("debootstrap", "unshare", "chroot", "apt-get") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        pytest.fail(
            f"this needs root and Debian's debootstrap (missing: {', '.join(missing) or 'root'})", pytrace=False
        )
    root = place / "machine"
    run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", mirror()[0], root, mirror()[1]], ROOT)
    # Names of hosts, its own among them, and the certificates that this machine trusts when it asks the indexes.
    for name in ("etc/hosts", "etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"):
        shutil.copy(f"/{name}", root / name)
    pip = [
        f"{name}={value}" for name, value in os.environ.items() if name.startswith("PIP_") and name not in NOT_NEEDED
    ]
    checkout(root / "root" / "lightnets")

    def in_it(script: str) -> str:
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-ec", ENTER, "enter"]
        variables = [f"PATH={PATH}", "HOME=/root", *pip]
        return run([*enter, root, f"cd ~/lightnets; {script}", *variables], ROOT)

    for tool in ("chromium", "google-chrome", "cc", "node"):
        assert in_it(f"command -v {tool} || echo none").strip() == "none"
    yield in_it


def test_both_commands(machine, capsys):
    for command, expected in (("make book", "index.html"), ("make book", "up to date"), ("make test", " passed")):
        started = time.monotonic()
        printed = machine(command)
        assert expected in printed
        with capsys.disabled():
            print(f"\n{command} on a bare machine: {time.monotonic() - started:.0f} s")
    assert " skipped" not in printed.splitlines()[-1]
