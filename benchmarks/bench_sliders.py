"""Does a moved slider answer within a frame? ``python benchmarks/bench_sliders.py``, after ``make book``.

A screen shows 60 frames a second. Every widget of every chapter has its first slider moved 200 times over its whole
range. Each time is that of one movement with the layout that follows, in turns with a bare slider on the same page that
writes a single number: the ratio says what the widget itself costs, on any machine. Printed are the times that nine in
ten movements exceed (another program cannot make a movement faster) and the ratio of these. The exit status says
whether each widget answers within a frame.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
from browsers import launch  # noqa: E402  (the tests' browser)

HTML = ROOT / "_build" / "html"
FRAME_MS = 1000 / 60
MOVE = """host => {
  const ours = host.querySelector("input[type=range]");
  if (!ours) return null;
  const bare = document.createElement("input"), text = document.createElement("output");
  Object.assign(bare, { type: "range", min: 0, max: 200 });
  bare.addEventListener("input", () => { text.textContent = bare.value; });
  host.append(bare, text);
  const move = (input, share) => {
    input.value = Number(input.min) + (Number(input.max) - Number(input.min)) * share;
    const start = performance.now();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    host.getBoundingClientRect();  // layout counts too
    return performance.now() - start;
  };
  const times = { ours: [], bare: [] };
  for (let i = 0; i < 200; i += 1) {
    times.ours.push(move(ours, ((i * 37) % 201) / 200));
    times.bare.push(move(bare, ((i * 37) % 201) / 200));
  }
  bare.remove();
  text.remove();
  return Object.values(times).map((all) => all.sort((a, b) => a - b)[20]);
}"""


def main() -> int:
    """Measure all widgets; returns the exit status."""
    chapters = sorted((HTML / "notebooks").glob("*.html"))
    if not chapters:
        print(f"There is no book in {HTML}: build it first (make book).", file=sys.stderr)
        return 1
    print(f"{'widget':<42}{'ms':>8}{'of a bare slider':>20}")
    rows = []
    with tempfile.TemporaryDirectory() as crashes, sync_playwright() as playwright:
        browser = launch(playwright, Path(crashes))
        for chapter in chapters:
            page = browser.new_page()
            page.goto(chapter.as_uri())
            page.wait_for_function("""() => !document.querySelector("[data-widget]:not([data-ready])")""")
            for host in page.locator("[data-widget]").all():
                if measured := host.evaluate(MOVE):
                    ours, bare = measured
                    row = {"widget": host.get_attribute("data-widget"), "ms": ours, "of_bare": ours / max(bare, 0.1)}
                    rows.append(row)
                    print(f"{row['widget']:<42}{row['ms']:>8.1f}{row['of_bare']:>20.1f}", flush=True)
            page.close()
        version = browser.version
        browser.close()
    print(json.dumps({"widgets": rows, "chromium": version}))
    slow = [row for row in rows if row["ms"] > FRAME_MS]
    for row in slow:
        print(f"BROKEN {row['widget']}: a movement takes {row['ms']:.1f} ms; promised is a frame of {FRAME_MS:.1f} ms")
    if not slow:
        print(f"kept   each widget answers within a frame of {FRAME_MS:.1f} ms")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
