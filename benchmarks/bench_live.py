"""How fast is the engine that runs in the book's pages? ``python benchmarks/bench_live.py``.

Five networks at 224 x 224, one image, one thread, in one run and in turns: the book's engine in Chromium, TensorFlow.js
and ONNX Runtime Web in the same page, and PyTorch's eager mode beside the browser. All have the same weights, and a
contestant whose outputs differ from PyTorch's is refused. Printed are the medians of the rounds, and the book's time as
a multiple of each other one's, which is what can be compared between machines. The exit status says whether the engine
needs at most 1.3 times PyTorch's time and less than each of the two others.

The two packages come from the npm registry, through Deno, into ``_build/bench``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from playwright.sync_api import Page, Route, sync_playwright
from tqdm import tqdm

from lightnets_edu import pages
from lightnets_edu.deployment import export_onnx
from lightnets_edu.models import get_model
from lightnets_edu.pages.live.rows import compact, network_rows
from lightnets_edu.pages.live.weights import hashed_image, put_hashed_weights

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
from browsers import launch  # noqa: E402  (the tests' browser)

NETWORKS = ("mobilenet_v1", "shufflenet_v2_x1_0", "ghostnet", "squeezenet1_1", "mnasnet1_0")
IN_PAGE = ("book", "TensorFlow.js", "ONNX Runtime Web")
SHAPE = (3, 224, 224)
ROUNDS = 5
BLOCK_MS = 400
MOST_OF_PYTORCH = 1.3
TOLERANCE = 1e-3  # of the outputs' deviation
HERE = Path(__file__).parent / "live"
PLACE = ROOT / "_build" / "bench"
ADDRESS = "http://bench.test"
SCRIPTS = (
    "@tensorflow/tfjs-core/dist/tf-core.min.js",
    "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
    "onnxruntime-web/dist/ort.wasm.min.js",
)
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html"}


def install() -> Path:
    """The two packages; returns the folder that holds them."""
    PLACE.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "deno.json", PLACE)
    deno = Path(sys.executable).with_name("deno")
    environment = {**os.environ, "DENO_DIR": str(PLACE / "deno"), "DENO_NO_UPDATE_CHECK": "1"}
    subprocess.run([deno, "install", "--quiet"], cwd=PLACE, env=environment, check=True, stdout=subprocess.DEVNULL)
    return PLACE / "node_modules"


class Contest:
    """One network, ready to be timed by everybody."""

    def __init__(self, page: Page, name: str, files: dict[str, bytes]) -> None:
        self.page = page
        model = get_model(name).eval()
        rows = network_rows(model, SHAPE)
        put_hashed_weights(model, rows)
        self.model, self.image = model, hashed_image(SHAPE)
        with tempfile.TemporaryDirectory() as folder:
            exported = Path(folder, "model.onnx")
            export_onnx(model, exported, input_size=SHAPE)
            files["model.onnx"] = exported.read_bytes()
        parameters = dict(model.named_parameters())
        used = [parameters[name] for row in rows for name in row.parameters if name]
        files["weights"] = torch.cat([one.detach().flatten() for one in used]).numpy().tobytes()
        files["image"] = self.image.numpy().tobytes()
        with torch.inference_mode():
            wanted = model(self.image).flatten().numpy()
        network = {"rows": compact(rows), "shape": SHAPE}
        for contestant in IN_PAGE:
            found = page.evaluate("([name, network]) => bench.prepare(name, network)", [contestant, network])
            difference = np.abs(np.array(found) - wanted).max() / wanted.std()
            if not difference < TOLERANCE:
                raise SystemExit(f"{contestant} computes something else for {name}: it is off by {difference:.2g}")

    def time(self, contestant: str) -> float:
        """Milliseconds of one image."""
        if contestant in IN_PAGE:
            return self.page.evaluate("([name, ms]) => bench.time(name, ms)", [contestant, BLOCK_MS])
        with torch.inference_mode():
            start, times = time.perf_counter(), 0
            while (taken := time.perf_counter() - start) * 1000 < BLOCK_MS or not times:
                self.model(self.image)
                times += 1
        return taken * 1000 / times


def serve(page: Page, packages: Path, files: dict[str, bytes]) -> None:
    """Give the page what it asks for: the book's scripts, the packages, and the files of the network at hand."""
    folders = {"book": Path(pages.__file__).parent, "packages": packages, "bench": HERE}

    def answer(route: Route) -> None:
        kind, _, name = route.request.url.removeprefix(f"{ADDRESS}/").partition("/")
        if kind == "files":
            return route.fulfill(body=files[name])
        if kind not in folders:
            tags = "".join(f'<script src="/packages/{script}"></script>' for script in SCRIPTS)
            load = "<script type=module>import * as bench from '/bench/contestants.js'; window.bench = bench;</script>"
            return route.fulfill(body=f"<!doctype html>{tags}{load}", content_type="text/html")
        path = folders[kind] / name
        return route.fulfill(body=path.read_bytes(), content_type=TYPES[path.suffix])

    page.route(f"{ADDRESS}/**", answer)
    page.goto(f"{ADDRESS}/")
    page.wait_for_function("() => window.bench")


def main() -> int:
    """Time all five; returns the exit status."""
    torch.set_num_threads(1)
    packages = install()
    contestants = (*IN_PAGE, "PyTorch")
    print(f"{'ms':<20}" + "".join(f"{name:>18}" for name in contestants))
    slower = []
    with tempfile.TemporaryDirectory() as crashes, sync_playwright() as playwright:
        browser = launch(playwright, Path(crashes))
        page = browser.new_page()
        files: dict[str, bytes] = {}
        serve(page, packages, files)
        for network in NETWORKS:
            contest = Contest(page, network, files)
            rounds = [
                {contestant: contest.time(contestant) for contestant in contestants}
                for _ in tqdm(range(ROUNDS), network, leave=False, disable=None)
            ]
            print(f"{network:<20}" + "".join(f"{median(one[name] for one in rounds):>18.1f}" for name in contestants))
            ratios = {other: median(one["book"] / one[other] for one in rounds) for other in contestants[1:]}
            print(f"{'  book / other':<38}" + "".join(f"{ratio:>17.2f}x" for ratio in ratios.values()))
            slower += [
                f"{network} against {other}"
                for other, ratio in ratios.items()
                if ratio > (MOST_OF_PYTORCH if other == "PyTorch" else 1)
            ]
        browser.close()
    print(f"Too slow: {', '.join(slower)}." if slower else "As fast as wanted on each network.")
    return int(bool(slower))


if __name__ == "__main__":
    sys.exit(main())
