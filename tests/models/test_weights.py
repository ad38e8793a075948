"""Official weights: what is recorded of them; how they are fetched, checked and loaded (from a server of our own)."""

import dataclasses
import hashlib
import importlib
import pkgutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import timm
import torch
import torchvision
from agreement import fill, shared_state
from PIL import Image
from torch import nn

import lightnets_edu.models
from lightnets_edu import get_model
from lightnets_edu.models import key_maps
from lightnets_edu.models import weights as module
from lightnets_edu.models.weights import list_weights, load_official, weights_info, with_weights

for found in pkgutil.iter_modules(lightnets_edu.models.__path__):
    importlib.import_module(f"lightnets_edu.models.{found.name}")
FILES = [info for files in module._table().values() for info in files.values()]


def named(info):
    return f"{info.model}-{info.name}"


# What is recorded


@pytest.mark.parametrize("name", module._table())
def test_the_network_fits_what_is_recorded(name, monkeypatch):
    loaded = []
    monkeypatch.setattr(module, "load_official", lambda model, *names: loaded.append((model, names)))
    built = {}
    for info in module._table()[name].values():
        options = tuple(info.options.items())
        if options not in built:
            with torch.device("meta"):
                model = get_model(name, **info.options, weights=info.name)
            assert loaded == [(model, (name, info.name))]
            loaded.clear()
            built[options] = sum(parameter.numel() for parameter in model.parameters())
        assert info.num_params == built[options]


@pytest.mark.parametrize("info", FILES, ids=named)
def test_what_is_recorded_is_complete(info):
    assert info.url.startswith("https://")
    assert info.source
    assert info.license in ("BSD-3-Clause", "Apache-2.0", "MIT", "CC-BY-NC-4.0")
    assert info.key_map is None or info.key_map in key_maps.KEY_MAPS
    assert info.sha256 is None or int(info.sha256, 16) >= 0
    assert info.top1 is None or 50 < info.top1 < 90
    # The default is never a guess, and a guess says so in its name.
    assert info.verified != info.name.endswith("_unverified")
    assert any("unverified" in note for note in info.notes) != info.verified
    assert any("no published hash" in note for note in info.notes) == (not info.sha256 and not info.git_blob_sha1)
    assert any("not for commercial use" in note for note in info.notes) == info.license.startswith("CC-BY-NC")


def test_no_two_files_share_a_name_in_the_cache():
    assert len({info.file for info in FILES}) == len({info.url for info in FILES}) == len(FILES)


@pytest.mark.parametrize("info", [i for i in FILES if i.source.startswith("torchvision")], ids=named)
def test_torchvisions_files_are_recorded_as_torchvision_has_them(info):
    weights = torchvision.models.get_weight(info.source.removeprefix("torchvision, "))
    assert (info.url, info.num_params) == (weights.url, weights.meta["num_params"])
    assert info.top1 == weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert info.file.endswith(f"-{info.sha256}.pth")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8))
    assert torch.allclose(info.transforms()(image), weights.transforms()(image), atol=1e-5)


@pytest.mark.parametrize("info", [i for i in FILES if i.source.startswith("timm, ")], ids=named)
def test_timms_files_are_recorded_as_timm_has_them(info):
    config = timm.models.get_pretrained_cfg(info.source.removeprefix("timm, "))
    assert info.url == config.url if info.verified else config.url is None or not config.url
    assert info.license.lower() == config.license
    assert (info.mean, info.std, info.interpolation) == (config.mean, config.std, config.interpolation)
    assert info.resize == int(info.crop / config.crop_pct)


# What is refused before anything is downloaded


class Small(nn.Module):
    def __init__(self, num_classes=1000, channels=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 1)
        self.fc = nn.Linear(2, num_classes)


@pytest.fixture
def info(monkeypatch, tmp_path):
    """A row of our own in the table, for a small network, and an empty cache."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "cache"))
    base = next(info for info in FILES if info.model == "resnet50")
    numbers = {"num_params": sum(p.numel() for p in Small().parameters()), "options": {"shape": "round"}}
    base = dataclasses.replace(base, model="small", file="small.pth", **numbers)

    def put(**changes):
        row = dataclasses.replace(base, **changes)
        monkeypatch.setattr(module, "_table", lambda: {"small": {row.name: row}})
        return row

    return put


def test_unknown_names_are_refused():
    with pytest.raises(
        ValueError, match="weights of resnet50 should be None or 'imagenet' or 'imagenet_v2' instead of 'imagnet'"
    ):
        weights_info("resnet50", "imagnet")
    with pytest.raises(ValueError, match="shufflenet_v1 has no official weights"):
        weights_info("shufflenet_v1")
    with pytest.raises(ValueError, match=r"'imagenet_unverified' instead of 'imagenet' \(no URL"):
        weights_info("g_ghost_regnet_x_3_2gf")
    with torch.device("meta"), pytest.raises(ValueError, match="instead of True"):
        get_model("resnet50", weights=True)
    assert list_weights("resnet50") == ["imagenet", "imagenet_v2"]
    assert list_weights("alexnet_2012") == []


def test_networks_that_do_not_fit_are_refused(info):
    info()
    good = {"num_classes": 1000, "shape": "round"}
    with pytest.raises(ValueError, match="trained with num_classes=1000 and do not fit num_classes=10; build it so"):
        with_weights(Small(10), "small", "imagenet", **{**good, "num_classes": 10})
    with pytest.raises(ValueError, match="trained with shape='round' and do not fit shape='square'"):
        with_weights(Small(), "small", "imagenet", **{**good, "shape": "square"})
    with pytest.raises(ValueError, match="have 3,008 parameters and do not fit this network, which has 3,010"):
        with_weights(Small(channels=4), "small", "imagenet", **good)
    model = Small()
    assert with_weights(model, "small", None, **good) is model


def test_a_changed_stem_is_refused():
    with torch.device("meta"), pytest.raises(ValueError, match="small_input=False"):
        get_model("resnet50", small_input=True, weights="imagenet")


# Fetching and checking


@pytest.fixture(scope="module")
def server():
    """Serves the files put into it; below /half/ it breaks off in the middle of each."""
    files = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rsplit("/", 1)[-1]
            if name not in files:
                self.send_error(404)
                return
            content = files[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if "/half/" in self.path else content)
            self.close_connection = True

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}", files
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def published(tmp_path):
    """A file of weights: its model, its bytes, its SHA-256."""
    torch.manual_seed(1)
    model = Small()
    path = tmp_path / "published.pth"
    torch.save(model.state_dict(), path)
    content = path.read_bytes()
    return model, content, hashlib.sha256(content).hexdigest()


def assert_cache_is_empty(tmp_path):
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def assert_equal_weights(a, b):
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_the_right_file_is_loaded_and_kept(info, server, published, tmp_path, capfd):
    address, files = server
    model, files["right.pth"], sha256 = published
    row = info(url=f"{address}/right.pth", sha256=sha256[:8])
    ours = with_weights(Small(), "small", "imagenet", num_classes=1000, shape="round")
    assert_equal_weights(ours, model)
    assert "100%" in capfd.readouterr().err  # the progress bar
    cached = tmp_path / "cache" / "checkpoints" / "small.pth"
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == [cached]
    files.clear()
    again = Small()
    assert load_official(again, "small", progress=False) == row
    assert_equal_weights(again, model)
    assert capfd.readouterr().err == ""


def test_files_of_this_machine_and_gits_hash(info, published, tmp_path):
    model, content, _ = published
    git = hashlib.sha1(b"blob " + str(len(content)).encode() + b"\0" + content).hexdigest()
    info(url=(tmp_path / "published.pth").as_uri(), sha256=None, git_blob_sha1=git)
    ours = Small()
    load_official(ours, "small", progress=False)
    assert_equal_weights(ours, model)
    info(url=(tmp_path / "published.pth").as_uri(), sha256=None, git_blob_sha1="0" * 40)
    with pytest.raises(RuntimeError, match="its Git's SHA-1 begins with"):
        load_official(Small(), "small", progress=False)
    assert_cache_is_empty(tmp_path)


def test_gits_hash_is_gits(tmp_path):
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    assert module._git_blob_sha1(path) == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object


@pytest.mark.parametrize("cached", [False, True])
def test_a_wrong_file_is_refused_and_removed(info, published, tmp_path, cached):
    info(url=(tmp_path / "published.pth").as_uri(), sha256="01234567")
    if cached:
        (tmp_path / "cache" / "checkpoints").mkdir(parents=True)
        (tmp_path / "cache" / "checkpoints" / "small.pth").write_bytes(published[1])
    before = Small()
    state = {name: tensor.clone() for name, tensor in before.state_dict().items()}
    sentence = f"its SHA-256 begins with {published[2][:8]} instead of 01234567; it was removed"
    with pytest.raises(RuntimeError, match=sentence):
        load_official(before, "small", progress=False)
    assert_cache_is_empty(tmp_path)
    assert all(torch.equal(state[name], tensor) for name, tensor in before.state_dict().items())


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.filterwarnings("ignore:the imagenet weights")
def test_half_a_download_leaves_nothing(info, server, published, tmp_path, hashed):
    address, files = server
    _, files["right.pth"], sha256 = published
    info(url=f"{address}/half/right.pth", sha256=sha256 if hashed else None)
    with pytest.raises(RuntimeError, match="it was removed" if hashed else "the file was removed"):
        load_official(Small(), "small", progress=False)
    assert_cache_is_empty(tmp_path)


def test_an_interrupted_download_leaves_nothing(info, published, tmp_path, monkeypatch):
    def interrupted(url, path, **options):
        with open(path, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    info(url=(tmp_path / "published.pth").as_uri())
    monkeypatch.setattr(torch.hub, "download_url_to_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_official(Small(), "small")
    assert_cache_is_empty(tmp_path)


def test_offline_is_one_sentence(info, server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        info(url=f"http://127.0.0.1:{port}/small.pth")
        with pytest.raises(
            ConnectionError, match="the imagenet weights of small could not be downloaded from http"
        ) as caught:
            load_official(Small(), "small")
    assert "try again online, or put the file into" in str(caught.value)
    assert "\n" not in str(caught.value)
    info(url=f"{server[0]}/missing.pth")
    with pytest.raises(ConnectionError, match="could not be downloaded"):
        load_official(Small(), "small")
    assert_cache_is_empty(tmp_path)


def test_what_a_user_must_know_is_warned_of(info, published, tmp_path):
    info(url=(tmp_path / "published.pth").as_uri(), sha256=None, license="CC-BY-NC-4.0", verified=False)
    with pytest.warns(UserWarning) as caught:
        load_official(Small(), "small", progress=False)
    text = " ".join(str(warning.message) for warning in caught)
    for words in ("not for commercial use", "no published hash", "is unverified"):
        assert words in text


@pytest.mark.filterwarnings("ignore:the imagenet weights")
def test_a_file_that_runs_code_is_not_run(info, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"conv.weight": Evil()}, tmp_path / "evil.pth")
    info(url=(tmp_path / "evil.pth").as_uri(), sha256=None)
    with pytest.raises(RuntimeError, match="does not fit small; the file was removed"):
        load_official(Small(), "small", progress=False)
    assert not (tmp_path / "ran").exists()
    assert_cache_is_empty(tmp_path)


def test_a_right_file_whose_names_do_not_fit_is_kept(info, published, tmp_path):
    info(url=(tmp_path / "published.pth").as_uri(), sha256=published[2])
    other = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match=r"does not fit small .*Missing key"):
        load_official(other, "small", progress=False)
    assert (tmp_path / "cache" / "checkpoints" / "small.pth").exists()


# Files that come in a Python package


@pytest.fixture
def package(info, published, tmp_path, monkeypatch):
    """A package of our own, as pip leaves one, with the published file; and its row in the table."""
    model, content, sha256 = published
    site = tmp_path / "site"
    (site / "some_weights" / "files").mkdir(parents=True)
    (site / "some_weights" / "__init__.py").write_text("raise RuntimeError('imported')")
    (site / "some_weights" / "files" / "small.pth").write_bytes(content)
    about = site / "some_weights-1.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1.5\n")
    (about / "RECORD").write_text("some_weights/__init__.py,,\nsome_weights/files/small.pth,,\n")
    monkeypatch.syspath_prepend(str(site))
    row = info(package="some-weights", sha256=sha256, url="https://nowhere.invalid/")
    return model, row, site / "some_weights" / "files" / "small.pth"


def test_a_packages_file_is_loaded_without_importing_it(package, tmp_path):
    model, row, _ = package
    ours = Small()
    assert load_official(ours, "small") == row
    assert_equal_weights(ours, model)
    assert_cache_is_empty(tmp_path)


def test_a_packages_wrong_file_is_refused_and_left(package):
    _, _, path = package
    path.write_bytes(b"something else")
    with pytest.raises(RuntimeError, match=r"not the file that was published: its SHA-256 .*reinstall some-weights"):
        load_official(Small(), "small")
    assert path.read_bytes() == b"something else"
    path.unlink()
    with pytest.raises(
        RuntimeError, match=r"should be the file small\.pth in the package some-weights, but version 1\.5"
    ):
        load_official(Small(), "small")


def test_a_package_that_is_missing_is_one_sentence(info):
    info(package="no-such-weights")
    with pytest.raises(ModuleNotFoundError) as caught:
        load_official(Small(), "small")
    assert "come in the package no-such-weights, which is not installed: pip install" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_efficientnet_lite0_is_googles_network_in_timms_code():
    """The package's tensors, in their own order, in timm's network: the same answers as ours, to the last digit."""
    ours = get_model("efficientnet_lite0", weights="imagenet").eval()
    theirs = timm.create_model("tf_efficientnet_lite0").eval()
    path = module.packaged_file(weights_info("efficientnet_lite0"))
    tensors = torch.load(path, weights_only=True).values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), tensors, strict=True)))
    x = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


# Other people's names


def assert_same_function(ours, state, theirs, flip=False):
    ours.load_state_dict(state, assign=True)
    x = torch.randn(2, 3, 64, 48)
    with torch.no_grad():
        expected = theirs.eval()(x.flip(1) if flip else x)
        assert expected.abs().max() > 1e-3
        assert (ours.eval()(x) - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())


@pytest.fixture
def regnet():
    with torch.device("meta"):
        return get_model("regnet_x_800mf")


def test_names_of_torchvisions_regnet(regnet):
    theirs = fill(torchvision.models.regnet_x_800mf())
    assert_same_function(regnet, key_maps.torchvision_regnet(shared_state(theirs)), theirs)


def test_names_of_pycls_regnet(regnet):
    theirs = fill(timm.create_model("regnetx_008"))
    state = shared_state(theirs)
    # timm's network under the names that pycls's modules have; pycls's images are blue, green, red.
    names = {"conv1.conv": "f.a", "conv1.bn": "f.a_bn", "conv2.conv": "f.b", "conv2.bn": "f.b_bn"}
    names |= {"conv3.conv": "f.c", "conv3.bn": "f.c_bn", "downsample.conv": "proj", "downsample.bn": "bn"}

    def in_pycls(name):
        for timms, pycls in names.items():
            name = name.replace(f".{timms}.", f".{pycls}.")
        return name

    content = {"epoch": 99, "model_state": {in_pycls(name): tensor for name, tensor in state.items()}}
    assert "s1.b1.proj.weight" in content["model_state"]
    assert "s2.b3.f.b_bn.running_var" in content["model_state"]
    assert_same_function(regnet, key_maps.pycls_regnet(content), theirs, flip=True)


def test_wrapped_checkpoints():
    one = torch.ones(1)
    assert key_maps.unwrapped({"state_dict": {"module.fc.bias": one}, "epoch": 3}) == {"fc.bias": one}
    assert key_maps.unwrapped({"fc.bias": one}) == {"fc.bias": one}
