"""Devices, number formats, and what a record says about the machine."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from lightnets_edu.runtime import describe_environment, resolve_device
from lightnets_edu.runtime import environment as module
from lightnets_edu.runtime.environment import cpu_threads, float32_convolutions, resolve_amp


def pretend(monkeypatch, cuda: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


def test_auto_prefers_cuda_then_mps(monkeypatch):
    pretend(monkeypatch, cuda=2, mps=True)
    assert resolve_device() == torch.device("cuda", 0)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    pretend(monkeypatch, mps=True)
    assert resolve_device("auto") == torch.device("mps")
    pretend(monkeypatch)
    assert resolve_device("auto") == resolve_device(torch.device("cpu")) == torch.device("cpu")


def test_absent_and_unknown_devices(monkeypatch):
    pretend(monkeypatch)
    with pytest.raises(ValueError, match=r"device='cuda' is not there.*Use device='auto'"):
        resolve_device("cuda")
    with pytest.raises(ValueError, match="device='mps' is not there"):
        resolve_device("mps")
    for name in ("gpu", "meta", "cuda:x", "", None):
        with pytest.raises(ValueError, match="is unknown: choose 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'"):
            resolve_device(name)
    pretend(monkeypatch, cuda=2)
    with pytest.raises(ValueError, match="cuda:5' is not there: this machine's GPUs are cuda:0 … cuda:1"):
        resolve_device("cuda:5")


def test_amp(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda", 0)
    assert resolve_amp("auto", cpu) == resolve_amp("off", cpu) == "off"
    assert resolve_amp("bfloat16", cpu) == "bfloat16"
    with pytest.raises(ValueError, match=r"amp='float16' is not offered on cpu.*Choose 'bfloat16'"):
        resolve_amp("float16", cpu)
    for native, expected in ((True, "bfloat16"), (False, "off")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        assert resolve_amp("auto", cuda) == expected
    assert resolve_amp("float16", cuda) == "float16"


def test_tf32_only_where_there_is_such_arithmetic_and_nobody_forbade_it(monkeypatch):
    cuda = torch.device("cuda", 0)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    for capability, expected in (((7, 5), "float32"), ((8, 0), "tf32"), ((9, 0), "tf32")):  # T4, A100, H100
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=capability: found)
        assert float32_convolutions(cuda) == expected
        with torch.backends.cudnn.flags(allow_tf32=False):
            assert float32_convolutions(cuda) == "float32"
    monkeypatch.setattr(torch.version, "cuda", None)  # a build for AMD
    assert float32_convolutions(cuda) == "float32"
    assert describe_environment("cpu")["float32_convolutions"] is None


def test_description(monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "secret-host")
    described = describe_environment("cpu")
    assert json.loads(json.dumps(described)) == described
    assert described["device"] == "cpu" and described["device_name"] == described["cpu"] != ""
    assert described["torch"] == torch.__version__
    assert described["python"] == platform.python_version()
    assert described["threads"] == torch.get_num_threads()
    age = datetime.now(UTC) - datetime.fromisoformat(described["date"])
    assert timedelta(seconds=-2) < age < timedelta(minutes=1)
    assert "secret-host" not in json.dumps(described)
    assert str(Path(module.__file__).parents[2]) not in json.dumps(described)


def test_threads_are_set_for_the_block_only_also_if_it_fails():
    before = torch.get_num_threads()
    for count, expected in ((before + 1, before + 1), (1, 1), (None, before)):
        with cpu_threads(count) as threads:
            assert threads == torch.get_num_threads() == expected
        assert torch.get_num_threads() == before
    with pytest.raises(RuntimeError), cpu_threads(before + 1):
        raise RuntimeError
    assert torch.get_num_threads() == before
    for wrong in (0, True, 1.0, "2"):
        with pytest.raises(ValueError, match="threads should be"), cpu_threads(wrong):
            pass


def git(folder, *words) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_commit_only_from_a_checkout_that_tracks_the_package(tmp_path, monkeypatch):
    file = tmp_path / "package" / "training" / "environment.py"
    file.parent.mkdir(parents=True)
    file.write_text("one\n")
    monkeypatch.setattr(module, "__file__", str(file))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert module._git_commit() == (None, None)  # no repository
    git(tmp_path, "init", "-q")
    (tmp_path / "other").write_text("other\n")
    git(tmp_path, "add", "other")
    git(tmp_path, "commit", "-qm", "other")
    assert module._git_commit() == (None, None)  # somebody else's repository
    git(tmp_path, "add", "package")
    git(tmp_path, "commit", "-qm", "package")
    assert module._git_commit() == (git(tmp_path, "rev-parse", "HEAD"), True)
    file.write_text("two\n")
    assert module._git_commit() == (git(tmp_path, "rev-parse", "HEAD"), False)


def test_without_git(monkeypatch):
    def missing(*args, **kwargs):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    described = describe_environment("cpu")
    assert described["commit"] is None and described["commit_is_clean"] is None
