"""Scoreboards in a browser: every order, choice, front and place equals what Python computes from the raw numbers.

The same checks run on a page made here, which has every difficulty, and on each page of the book that has one.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page

from lightnets_edu.pages.board.explore import Parts, ScatterTable, explore, static_script
from lightnets_edu.tables import Column

from .conftest import PAGES, accessibility_faults, fits, focus_by_tab

COLUMNS = (
    Column("network", "Network", text=True),
    Column("macs", "MACs", digits=1, scale=1e6, log=True, better="lower", help="Of convolutions and linear layers."),
    Column("params", "Parameters", better="lower"),
    Column("family", "Family", text=True),
    Column("year", "Paper", text=True),
    Column("gain", "Gain", unit="%", digits=2, better="higher"),
    Column("layers", "Layers"),
    Column("desk", "Desk, 1 image", unit="ms", digits=1, log=True, better="lower", among="time"),
    Column("pocket", "Pocket, 1 image", unit="ms", digits=1, log=True, better="lower", among="time"),
    Column("odd", "Odd", digits=1, folded=True),
    Column("note", "Note", text=True, folded=True),
)
BUDGETS = ("macs", "params", "time")
KINDS = ("standard", "depthwise", "linear")
RUDE = "<b>rude</b> & \"quoted\" 'name'"


def made_board() -> ScatterTable:
    """Missing values, ties, zeros, negative numbers, markup in names, a family without a name."""
    rows = [
        {
            "network": f"{'Net' if i % 2 else 'net'}_{i * 7 % 23}",
            "macs": (3 + i * 7919 % 997) * 10 ** (4 + i % 4),
            "params": 1_000 * (1 + i % 5) if i % 11 else 0,
            "family": ("Ghost", "mobile", "Shuffle")[i % 3],
            "year": f"{2012 + i % 4}",
            "gain": None if i % 9 == 4 else round(math.sin(i) * 12, 3),
            "layers": i % 3,
            "desk": 0.5 + i * 37 % 23,
            "pocket": None if i % 5 == 2 else 100.0 - i,
            "odd": i / 3,
            "note": f'said, "{i}"',
        }
        for i in range(23)
    ]
    rows += [{**rows[5], "network": RUDE, "family": "<i>new</i>"}, {**rows[0], "network": "lost", "macs": None}]
    rows += [{**rows[3], "network": "zero", "macs": 0, "family": None}]
    axes = {"x": "macs", "y": "gain", "label": "network", "pareto": True, "budgets": BUDGETS}
    of = {row["network"]: [[i + 1, 1000 * i, 0], [10**6 * (i + 1), 0, 0]] for i, row in enumerate(rows)}
    parts = Parts(KINDS, {"macs": "MACs", "params": "Parameters"}, of)
    return explore(rows, COLUMNS, name="made", title="Made <up>", description="For tests.", parts=parts, **axes)


@dataclass
class Board:
    """One scoreboard of an open page, and what its table said before anything was touched."""

    page: Page
    index: int
    settings: dict
    rows: list[dict]

    @classmethod
    def all(cls, page: Page) -> list[Board]:
        page.wait_for_function("""() => !document.querySelector("[data-explore]:not([data-ready])")""")
        found = page.evaluate(
            """() => [...document.querySelectorAll("[data-explore]")].map(host => {
              const settings = JSON.parse(host.querySelector("script[type='application/json']").textContent);
              const read = (cell, text) => {
                const value = text ? (cell.querySelector(".lx-name") ?? cell).textContent : cell.dataset.value;
                return value === "" || value === "–" ? null : text ? value : Number(value);
              };
              const rows = [...host.querySelectorAll(".lx-box tbody tr")].map(tr => Object.fromEntries(
                settings.columns.map(({ key, text }, i) => [key, read(tr.cells[i], text)])));
              return [settings, rows];
            })"""
        )
        return [cls(page, i, settings, rows) for i, (settings, rows) in enumerate(found)]

    @property
    def host(self):
        return self.page.locator("[data-explore]").nth(self.index)

    @property
    def label(self) -> str:
        return self.settings["label"]

    @property
    def numbers(self) -> list[dict]:
        return [column for column in self.settings["columns"] if not column["text"]]

    @property
    def sets(self) -> dict[str, list[dict]]:
        """The columns of which one at a time is shown, by the word for the set."""
        found: dict[str, list[dict]] = {}
        for column in self.settings["columns"]:
            if column["among"]:
                found.setdefault(column["among"], []).append(column)
        return found

    def input(self, name: str):
        return self.host.locator(f"[name='{name}']")

    def reset(self) -> None:
        self.host.get_by_role("button", name="Reset").click()

    def bring_into_sight(self, column: dict) -> None:
        """Let the table show a column."""
        if column["among"]:
            self.input(f"chosen_{column['among']}").select_option(column["key"])
        elif column["folded"]:
            self.host.locator(".lx-columns").evaluate("fold => fold.open = true")
            self.input(f"seen_{column['key']}").check()

    def state(self) -> dict:
        """What is to be seen: names in order, points with their places, labels, sentences."""
        return self.host.evaluate(
            """host => ({
              names: [...host.querySelectorAll("tbody tr:not([hidden]) .lx-name")].map(e => e.textContent),
              front: [...host.querySelectorAll("tbody tr:not([hidden])")].filter(tr => tr.querySelector(
                ".lx-badge:not([hidden])")).map(tr => tr.querySelector(".lx-name").textContent),
              points: Object.fromEntries([...host.querySelectorAll("[data-point]")]
                .filter(e => e.style.display !== "none")
                .map(e => [e.dataset.point, e.style.transform.match(/-?[\\d.]+/g).map(Number)])),
              faint: [...host.querySelectorAll(".lx-fronted .lx-point:not(.lx-on-front)")].length,
              behind: [...host.querySelectorAll(".lx-faint")].filter(e => e.style.display !== "none")
                .map(e => e.dataset.point),
              found: [...host.querySelectorAll("tr.lx-found .lx-name")].map(e => e.textContent),
              starred: [...host.querySelectorAll("tbody tr")].filter(tr => tr.querySelector(
                ".lx-badge:not([hidden])")).map(tr => tr.querySelector(".lx-name").textContent),
              status: host.querySelector("[role=status]").textContent,
              caption: host.querySelector("figcaption").textContent,
              tip: host.querySelector(".lx-tip:not([hidden])")?.innerText ?? "",
              active: [...host.querySelectorAll("tr.lx-active .lx-name")].map(e => e.textContent),
              in_sight: [...host.querySelectorAll("tr.lx-active .lx-name")].every(e => {
                const [name, box] = [e, host.querySelector(".lx-box")].map(part => part.getBoundingClientRect());
                return name.top >= box.top && name.bottom <= box.bottom;
              }),
            })"""
        )

    def show(self, x: str, y: str, x_log: bool, y_log: bool) -> None:
        self.input("x").select_option(x)
        self.input("y").select_option(y)
        self.input("x_log").set_checked(x_log)
        if x != y:
            self.input("y_log").set_checked(y_log)


@contextmanager
def made_page(browser: Browser, **options) -> Iterator[Page]:
    """A page of its own with one scoreboard; on leaving, nothing may have gone wrong."""
    context, problems = browser.new_context(**options), []
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    script = static_script().replace("</", "<\\/")
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<link rel="icon" href="data:,"><title>Made</title>'
        "<style>:root { color-scheme: light dark } body { margin: 1rem }</style></head>"
        f"<body><main><h1>Made</h1>{made_board()._repr_html_()}</main><script>{script}</script></body></html>"
    )
    context.route("http://made.test/", lambda route: route.fulfill(body=text, content_type="text/html"))
    page.goto("http://made.test/")
    try:
        yield page
    finally:
        context.close()
    assert problems == []


@pytest.fixture
def made(browser: Browser) -> Iterator[Board]:
    with made_page(browser, reduced_motion="reduce") as page:
        (board,) = Board.all(page)
        yield board


# ---- The checks, each with Python's own answer ---------------------------------------------------------------------


def check_sorting(board: Board) -> None:
    names = [row[board.label] for row in board.rows]
    assert board.state()["names"] == names
    for column in board.settings["columns"]:
        key = column["key"]
        present = [row for row in board.rows if row[key] is not None]
        missing = [row[board.label] for row in board.rows if row[key] is None]
        if column["among"]:
            board.reset()  # else the order would follow from one of a set to the next
        board.bring_into_sight(column)
        best_first = column["better"] == "higher"
        for down in (best_first, not best_first):
            board.input(f"sort_{key}").click()
            rank = (lambda row, key=key: row[key].lower()) if column["text"] else (lambda row, key=key: row[key])
            ordered = sorted(present, key=rank, reverse=down)  # stable both ways
            state = board.state()
            assert state["names"] == [row[board.label] for row in ordered] + missing, (key, down)
            head = board.host.locator(f"th[data-key='{key}']")
            assert head.get_attribute("aria-sort") == ("descending" if down else "ascending")
            assert board.host.locator("[aria-sort]").count() == 1
            assert f"sorted by {column['heading']}, " in state["status"]
    board.reset()
    assert board.state()["names"] == names


def check_filters(board: Board) -> None:
    """A filter chooses rows, what is looked for is only marked, and neither changes the front or any place."""
    first = board.state()
    for column in board.settings["columns"]:
        if not column["text"] or column["folded"] or column["key"] == board.label:
            continue
        select = board.input(f"filter_{column['key']}")
        assert select.locator("option").first.text_content() == "all"
        values = {row[column["key"]] or "–" for row in board.rows}
        assert set(select.locator("option").all_text_contents()[1:]) == values
        for value in sorted(values)[:5]:
            select.select_option(value)
            expected = [row[board.label] for row in board.rows if (row[column["key"]] or "–") == value]
            state = board.state()
            assert state["names"] == expected
            assert set(state["behind"]) == set(state["points"]) - set(expected)
            assert (state["starred"], state["points"]) == (first["starred"], first["points"])
            assert state["status"].startswith(f"{len(expected)} of {len(board.rows)} {board.settings['things']}")
        select.select_option("")
    for text in {board.rows[0][board.label][:3].upper(), board.rows[-1][board.label], "no such name"}:
        board.input("find").fill(text)
        expected = [row[board.label] for row in board.rows if text.lower() in row[board.label].lower()]
        state = board.state()
        assert state["found"] == expected
        assert set(state["behind"]) == (set(state["points"]) - set(expected) if expected else set())
        assert all(state[part] == first[part] for part in ("names", "starred", "points", "caption"))
        assert (f"Found {len(expected)}: {expected[0]}" if expected else "None has such a name") in state["status"]
    board.input("find").fill("")


def check_budgets(board: Board) -> None:
    """Only what is within all budgets is listed and can be on the front; the others stay in the chart, faint."""
    x, y = (next(c for c in board.numbers if c["key"] == board.settings[axis]) for axis in ("x", "y"))
    limits = []
    for key in board.settings["budgets"]:
        column = board.sets[key][-1] if key in board.sets else next(c for c in board.numbers if c["key"] == key)
        if key in board.sets:
            board.input(f"chosen_{key}").select_option(column["key"])
            x = column if x["among"] == key else x
        values = sorted(row[column["key"]] for row in board.rows if row[column["key"]] is not None)
        limit = values[2 * len(values) // 3] / column["scale"]
        board.input(f"most_{key}").fill(repr(limit))
        limits.append((column["key"], limit * column["scale"]))
        within = [
            row for row in board.rows if all(row[k] is not None and row[k] <= most * (1 + 1e-12) for k, most in limits)
        ]
        unknown = [row for row in board.rows if any(row[k] is None for k, _ in limits)]
        rivals = [
            row
            for row in within
            if all(row[c["key"]] is not None and (row[c["key"]] > 0 or not c["log"]) for c in (x, y))
        ]
        state = board.state()
        assert state["names"] == [row[board.label] for row in within]
        assert f"{len(within)} of {len(board.rows)} {board.settings['things']} fit the budget" in state["status"]
        assert (f"({len(unknown)} have no number for it)" in state["status"]) == bool(unknown)
        assert set(state["behind"]) == set(state["points"]) - set(state["names"])
        assert set(state["starred"]) == {rivals[i][board.label] for i in best_of(rivals, x, y)}
        assert f"front of the {len(rivals)} {board.settings['things']} within the budget (★" in state["caption"]
    board.reset()
    assert len(board.state()["names"]) == len(board.rows)


def check_columns(board: Board) -> None:
    """What matters is in sight, the rest at a press; of a set one at a time, and an axis that shows one follows."""
    shown = """host => [...host.querySelectorAll("thead th[data-key]:not([hidden])")].map(e => e.dataset.key)"""
    first = [*board.settings["columns"]]
    chosen = {name: columns[0]["key"] for name, columns in board.sets.items()}
    for name, columns in board.sets.items():
        if board.settings["x"] in [column["key"] for column in columns]:
            chosen[name] = board.settings["x"]
    in_sight = [c["key"] for c in first if not c["folded"] and (not c["among"] or chosen[c["among"]] == c["key"])]
    assert board.host.evaluate(shown) == in_sight
    cells = "host => [...host.querySelector('tbody tr').cells].filter(cell => !cell.hidden).length"
    assert board.host.evaluate(cells) == len(in_sight)
    for column in first:
        if column["folded"]:
            board.bring_into_sight(column)
            assert column["key"] in board.host.evaluate(shown)
    for name, columns in board.sets.items():
        board.input("x").select_option(columns[0]["key"])
        assert board.input(f"chosen_{name}").input_value() == columns[0]["key"]
        board.input(f"chosen_{name}").select_option(columns[1]["key"])
        assert board.input("x").input_value() == columns[1]["key"]
        in_set = [key for key in board.host.evaluate(shown) if key in [column["key"] for column in columns]]
        assert in_set == [columns[1]["key"]]
    board.reset()
    assert board.host.evaluate(shown) == in_sight


def check_comparison(board: Board) -> None:
    """Two or three side by side; with a fourth the first one goes. The sum of the parts is the whole."""
    panel = board.host.locator(".lx-compare")
    assert not panel.is_visible()
    names = [row[board.label] for row in board.rows[:4]]
    for at, name in enumerate(names, 1):
        board.host.get_by_role("button", name=name, exact=True).click()
        compared = names[max(0, at - 3) : at]
        assert panel.is_visible() == (at > 1)
        if at > 1:
            assert panel.locator("thead th").all_text_contents() == ["Number", *compared]
            assert f"{compared[1]}, compared with {compared[0]}. " in panel.text_content()
            numbers = [c for c in board.numbers if not c["folded"] and not c["among"]]
            lines = panel.locator("tbody").first.locator("th").all_text_contents()
            assert set(lines) >= {f"{one['heading']}, {one['unit']}".removesuffix(", ") for one in numbers}
    parts = board.settings["parts"]
    groups = panel.locator("[scope=rowgroup]").all_text_contents()
    assert groups == ([f"{one['heading']} by class of layer" for one in parts["quantities"]] if parts else [])
    logged = next((c for c in board.numbers if c["log"] and not c["folded"] and not c["among"]), None)
    if logged:
        first, other = (board.rows[at][logged["key"]] for at in (1, 2))
        found = re.search(rf"{re.escape(logged['heading'])}: ([\d.,]+) times as much", panel.text_content())
        if first and other and abs(other / first - 1) > 0.01:
            assert float(found[1].replace(",", "")) == pytest.approx(other / first, rel=0.06)
    board.reset()
    assert not panel.is_visible()


def check_file(board: Board) -> None:
    """The file holds what the table shows, in its order, with all digits."""
    column = board.numbers[0]
    board.input(f"sort_{column['key']}").click()
    address = board.host.locator("a[download]").get_attribute("href")
    assert address.startswith("data:text/csv")
    lines = list(csv.reader(unquote(address.split(",", 1)[1]).splitlines()))
    state = board.state()
    assert [line[0] for line in lines[1:]] == state["names"]
    place = next(i for i, head in enumerate(lines[0]) if head.split(" (")[0] == column["heading"])
    by_name = {row[board.label]: row[column["key"]] for row in board.rows}
    for line in lines[1:]:
        assert (float(line[place]) if line[place] else None) == by_name[line[0]]
    board.reset()


def check_address(board: Board) -> None:
    """The link to a view brings the view back, in a page that is opened anew."""
    page = board.page
    before = page.url
    key = board.numbers[-1]["key"]
    board.input("y").select_option(key)
    board.bring_into_sight(board.numbers[0])
    board.input(f"sort_{board.numbers[0]['key']}").click()
    board.input("find").fill(board.rows[1][board.label][:4])
    for budget in board.settings["budgets"][:1]:
        board.input(f"most_{budget}").fill("100000")
    for row in board.rows[:2]:
        board.host.get_by_role("button", name=row[board.label], exact=True).click()
    page.mouse.move(0, 0)
    address = board.host.get_by_role("link", name="Link to this view").evaluate("link => link.href")
    state = board.state()
    assert page.url == address
    page.goto("about:blank")
    page.goto(address)
    again = next(one for one in Board.all(page) if one.settings["name"] == board.settings["name"])
    now = again.state()
    for part in ("names", "front", "found", "status", "caption"):
        assert now[part] == state[part], part
    assert again.host.locator(".lx-compare").is_visible()
    board.reset()
    assert page.url.split("#")[0] == before.split("#")[0] and "?" not in page.url


def assert_places(points: dict, rows: list[dict], label: str, axis: int, key: str, log: bool) -> None:
    """Pixels are an affine function of the values, or of their logarithms, with the right sign."""
    ruler = [(math.log10(row[key]) if log else row[key], points[row[label]][axis]) for row in rows]
    (low, start), (high, end) = min(ruler), max(ruler)
    if low == high:
        return
    assert (end > start) == (axis == 0), "higher is further right, or further up"
    for value, pixel in ruler:
        assert pixel == pytest.approx(start + (value - low) / (high - low) * (end - start), abs=0.2)


def best_of(rows: list[dict], x: dict, y: dict) -> set[int]:
    """The indices of the Pareto front, found by sweeping from the best x (not by comparing all pairs)."""
    signs = [1 if column["better"] == "lower" else -1 for column in (x, y)]
    costs = sorted((signs[0] * row[x["key"]], signs[1] * row[y["key"]], i) for i, row in enumerate(rows))
    front, best = set(), math.inf
    for _, group in itertools.groupby(costs, key=lambda cost: cost[0]):
        group = list(group)
        if group[0][1] < best:
            best = group[0][1]
            front |= {i for _, b, i in group if b == best}
    return front


def check_axes(board: Board) -> None:
    """The first twelve pairs of numbers as axes: places, sentences, fronts."""
    size = "svg => [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height]"
    width, height = board.host.locator(".lx-plot svg").evaluate(size)
    for index, (x, y) in enumerate(list(itertools.product(board.numbers, repeat=2))[:12]):
        x_log, y_log = bool(index % 2), (bool(index % 3) if x != y else bool(index % 2))
        board.show(x["key"], y["key"], x_log, y_log)
        axes = ((x["key"], x_log), (y["key"], y_log))
        shown = [r for r in board.rows if all(r[k] is not None and (r[k] > 0 or not log) for k, log in axes)]
        without = [row for row in board.rows if row[x["key"]] is None or row[y["key"]] is None]
        state = board.state()
        assert set(state["points"]) == {row[board.label] for row in shown}
        assert (f"Not drawn: {len(without)} without a value for" in state["status"]) == bool(without)
        nowhere = len(board.rows) - len(shown) - len(without)
        assert (f"Not drawn: {nowhere}, for which a logarithmic axis" in state["status"]) == bool(nowhere)
        if not shown:
            continue
        for left, top in state["points"].values():
            assert 0 < left < width
            assert 0 < top < height
        for axis, (key, log) in enumerate(axes):
            assert_places(state["points"], shown, board.label, axis, key, log)
        python = ScatterTable(
            rows=tuple(shown),
            columns=tuple(_column(column, dict(axes)) for column in board.settings["columns"]),
            **{"name": "python", "title": "", "description": "", "shape": None, "pareto": None},
            **{"x": x["key"], "y": y["key"], "label": board.label, "things": board.settings["things"]},
        )
        assert state["caption"].split(" On the Pareto front")[0] == python.describe()
        if board.input("pareto").count() and x["better"] and y["better"]:
            board.input("pareto").check()
            state = board.state()
            front = [shown[i] for i in sorted(best_of(shown, x, y))]
            assert state["front"] == [row[board.label] for row in front]
            assert state["faint"] == len(board.rows) - len(front)
            by_x = sorted(front, key=lambda row: row[x["key"]])
            named = ", ".join(row[board.label] for row in by_x[:12])
            whose = f"the {len(shown)} {board.settings['things']} that have both numbers"
            assert f" On the Pareto front of {whose} (★ in the table): {named}" in state["caption"]
            board.input("pareto").uncheck()
            assert board.state()["front"] == []
        elif board.input("pareto").count():
            assert board.input("pareto").is_disabled()
    board.host.get_by_role("button", name="Reset").click()


def _column(column: dict, logs: dict[str, bool]) -> Column:
    """Python's column from the page's settings, with the axis as it is now."""
    given = {name: column[name] for name in ("key", "heading", "digits", "text", "better", "scale")}
    unit = column["unit"][1:] if column["scale"] != 1 else column["unit"]
    return Column(**given, unit=unit, log=logs.get(column["key"], False) and not column["text"])


def check_partners(board: Board) -> None:
    """A row points at its point, a point at its row; a press keeps the label."""
    board.page.mouse.move(0, 0)
    drawn = [row for row in board.rows if row[board.label] in board.state()["points"]]
    for row in (drawn[0], drawn[-1]):
        name = row[board.label]
        button = board.host.get_by_role("button", name=name, exact=True)
        button.hover()
        state = board.state()
        assert state["active"] == [name]
        assert state["tip"].split("\n")[0] == name
        x = next(column for column in board.numbers if column["key"] == board.settings["x"])
        place = board.settings["columns"].index(x)
        text = button.evaluate("(button, i) => button.closest('tr').cells[i].textContent", place)
        assert state["tip"].split("\n")[1] == f"{x['heading']} {text} {x['unit']}".rstrip()
        board.page.mouse.move(0, 0)
        assert board.state()["active"] == []
    points = board.state()["points"]
    distances = {a: [math.dist(points[a], points[b]) for b in points if b != a] for a in points}
    apart = max(points, key=lambda name: min(distances[name], default=0))  # the furthest from its nearest neighbour
    board.host.locator(".lx-plot").scroll_into_view_if_needed()
    left, top = board.state()["points"][apart]
    board.host.locator(".lx-plot").hover(position={"x": left + 2, "y": top - 2})
    assert board.state()["active"] == [apart]
    button = board.host.locator("tr.lx-active .lx-name")
    assert button.get_attribute("aria-pressed") == "false"
    board.host.locator(".lx-plot").click(position={"x": left + 2, "y": top - 2})
    assert button.get_attribute("aria-pressed") == "true"
    assert apart in board.host.locator(".lx-labels .lx-kept").all_text_contents()
    board.host.get_by_role("button", name="Reset").click()
    assert board.host.locator("[aria-pressed=true]").count() == 0
    board.page.mouse.move(0, 0)


def check_labels(board: Board) -> None:
    boxes = board.host.evaluate(
        """host => {
          const svg = host.querySelector(".lx-plot svg").getBoundingClientRect();
          return [...host.querySelectorAll(".lx-labels text")].map(text => {
            const { left, top, right, bottom } = text.getBoundingClientRect();
            return [left - svg.left, top - svg.top, right - svg.left, bottom - svg.top];
          });
        }"""
    )
    for a, b in itertools.combinations(boxes, 2):
        # Lines are 14 pixels apart; the boxes of the letters may be a little higher than that.
        assert a[0] >= b[2] or b[0] >= a[2] or a[1] + 2 >= b[3] or b[1] + 2 >= a[3], "two labels overlap"


def check_keyboard(board: Board) -> None:
    board.page.mouse.move(0, 0)
    press = board.page.keyboard.press
    plot = board.host.locator(".lx-plot")
    focus_by_tab(board.page, board.input("find"))
    board.page.keyboard.type(board.rows[0][board.label])
    assert board.rows[0][board.label] in board.state()["found"]
    for _ in board.rows[0][board.label]:
        press("Backspace")
    focus_by_tab(board.page, plot)
    assert plot.evaluate("plot => getComputedStyle(plot).outlineStyle") != "none"
    points = board.state()["points"]
    by_x = sorted(points, key=lambda name: points[name][0])
    press("Home")
    seen = [*board.state()["active"]]
    for _ in by_x[1:]:
        press("ArrowRight")
        state = board.state()
        seen += state["active"]
        assert state["in_sight"], "the box scrolls to the row"
    assert sorted(seen) == sorted(by_x), "arrows reach every point"
    assert [points[name][0] for name in seen] == sorted(points[name][0] for name in seen)
    assert plot.get_attribute("aria-valuetext").startswith(seen[-1])
    assert plot.get_attribute("aria-valuenow") == str(len(seen))
    press("End")
    press("ArrowDown")
    press("Enter")
    assert board.host.locator("[aria-pressed=true]").all_text_contents() == board.state()["active"]
    key = board.numbers[0]["key"]
    focus_by_tab(board.page, board.input(f"sort_{key}"))
    press("Enter")
    expected = "descending" if board.numbers[0]["better"] == "higher" else "ascending"
    assert board.host.locator(f"th[data-key='{key}']").get_attribute("aria-sort") == expected
    names = board.state()["names"]
    button = board.host.locator(".lx-name[tabindex='0']")
    assert button.count() == 1
    focus_by_tab(board.page, button)
    press("Home")
    for name in names[:3]:
        assert board.state()["active"] == [name]
        press("ArrowDown")
    press("End")
    assert board.state()["active"] == names[-1:]
    last = board.host.get_by_role("button", name=names[-1], exact=True)
    before = last.get_attribute("aria-pressed")
    press("Space")
    assert {before, last.get_attribute("aria-pressed")} == {"true", "false"}
    board.host.get_by_role("button", name="Reset").click()


CHECKS = (
    check_sorting,
    check_filters,
    check_budgets,
    check_columns,
    check_comparison,
    check_file,
    check_axes,
    check_labels,
    check_partners,
    check_keyboard,
    check_address,
)


def check_map(board: Board) -> None:
    """A press chooses what lies across, the front is that of the choice, and each point and name leads to its page."""
    settings, page = board.settings, board.page
    y = next(column for column in board.numbers if column["key"] == settings["y"])
    for axis in settings["axes"]:
        board.host.locator(f"[type=radio][value='{axis}']").check()
        for column in board.sets.get(axis, [next((c for c in board.numbers if c["key"] == axis), None)]):
            if axis in board.sets:
                board.input(f"chosen_{axis}").select_option(column["key"])
            drawn = [row for row in board.rows if row[column["key"]] and row[y["key"]] is not None]
            state = board.state()
            assert set(state["points"]) == {row[board.label] for row in drawn}
            assert_places(state["points"], drawn, board.label, 0, column["key"], column["log"])
            front = {drawn[at][board.label] for at in best_of(drawn, column, y)}
            assert set(state["starred"]) == front
    if board.sets:  # to choose a clock is to ask for its times
        board.host.locator(f"[type=radio][value='{settings['axes'][0]}']").check()
        name, columns = next(iter(board.sets.items()))
        board.input(f"chosen_{name}").select_option(columns[-1]["key"])
        assert board.host.locator(f"[type=radio][value='{name}']").is_checked()
    board.reset()
    host = board.host
    assert not host.locator(".lx-box").is_visible()
    host.locator(".lx-numbers > summary").click()
    targets = host.locator("a.lx-name").evaluate_all("links => links.map(link => [link.textContent, link.href])")
    assert [name for name, _ in targets] == [row[board.label] for row in board.rows]
    for target in {target for _, target in targets}:
        assert page.request.get(target).ok, target
    page.mouse.move(0, 0)
    focus_by_tab(page, host.locator(".lx-plot"))
    page.keyboard.press("End")
    (name,) = board.state()["active"]
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.split("#")[0] == dict(targets)[name]


# ---- Where they run ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS)
def test_made_page(made, check):
    check(made)


def test_labels_do_not_overlap(made):
    assert made.host.locator(".lx-labels text").count() >= 12
    made.input("filter_year").select_option("2013")
    check_labels(made)
    points = made.state()["points"]
    assert set(made.host.locator(".lx-labels text").all_text_contents()) <= set(points)


def test_text_from_python_is_only_text(made):
    assert made.host.locator("b, i").count() == 0
    assert RUDE in made.state()["names"]
    assert made.host.locator(".lx-title").text_content() == "Made <up>"
    made.host.get_by_role("button", name=RUDE, exact=True).hover()
    assert made.state()["tip"].split("\n")[0] == RUDE


def test_shapes_tell_families_apart(made):
    shapes = made.host.evaluate(
        """host => [...host.querySelectorAll("[data-point]")].map(e => [e.dataset.point, e.getAttribute("d")])"""
    )
    families = {row["network"]: row["family"] for row in made.rows}
    pairs = {(families[name], shape) for name, shape in shapes}
    assert len(pairs) == len({shape for _, shape in pairs}) == len(set(families.values())) == 5


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_accessible_wide_and_narrow(browser, scheme, width):
    size = {"width": width, "height": 800}
    with made_page(browser, color_scheme=scheme, viewport=size, reduced_motion="reduce") as page:
        (board,) = Board.all(page)
        board.host.get_by_role("button", name="Net_7", exact=True).focus()
        assert accessibility_faults(page) == []
        assert fits(page), "scrolls sideways"
        right = board.host.evaluate("host => host.getBoundingClientRect().right")
        for place in (".lx-plot svg", ".lx-box", ".lx-tip", ".lx-controls"):
            assert board.host.locator(place).evaluate("e => e.getBoundingClientRect().right") <= right
        letters = board.host.locator(".lx-grid text").first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
        scale = board.host.locator(".lx-plot svg").evaluate(
            "e => e.getBoundingClientRect().width / e.viewBox.baseVal.width"
        )
        assert letters * scale >= 11
        moving = board.host.locator(".lx-point").first.evaluate("e => getComputedStyle(e).transitionDuration")
        assert set(moving.replace("s", "").split(", ")) == {"0"}


def test_print_shows_everything(browser):
    with made_page(browser) as page:
        (board,) = Board.all(page)
        page.emulate_media(media="print")
        assert not board.host.locator(".lx-controls").is_visible()
        assert board.host.locator(".lx-box").evaluate("box => box.scrollHeight - box.clientHeight") <= 0
        assert board.host.locator(".lx-plot svg").is_visible()


def test_without_scripts_there_are_a_table_and_a_drawing(browser):
    with made_page(browser, java_script_enabled=False) as page:
        host = page.locator("[data-explore]")
        assert host.locator("tbody tr").count() == len(made_board().rows)
        assert host.locator("caption").is_visible()
        assert host.get_by_role("img").get_attribute("aria-label").startswith("Scatter chart, MACs (M)")


def test_every_scoreboard_of_the_book(visit, html, server):
    """All checks, on all chapters that have one."""
    pages = [page for page in PAGES if "data-explore=" in (html / page).read_text(encoding="utf-8")]
    for address in pages:
        for board in Board.all(visit(server + address, reduced_motion="reduce").page):
            for check in (check_map,) if board.settings["axes"] else CHECKS:
                check(board)
