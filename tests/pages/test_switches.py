"""Variants and seeds that a page switches off: what is left is what verdicts.py says of a record that has only that."""

from __future__ import annotations

import json
import math
import random
import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from lightnets_edu.pages.study import ShownStudy, show_study
from lightnets_edu.pages.study.switches import study_script, switches
from lightnets_edu.pages.study.words import kept, text
from lightnets_edu.recording.studies import list_studies
from lightnets_edu.records import recorded_study, studied_devices
from lightnets_edu.records.verdicts import KINDS, judged, t_interval

from .conftest import call

RECORDED = [name for name in list_studies() if "cpu" in studied_devices(name)]


def shared() -> dict:
    """What the script has from Python for all studies."""
    return json.loads(re.search(r'mountAll\(study, "switches", "", (.*)\);\n', study_script())[1])["shared"]


def left(record: dict, seeds: set[int]) -> dict:
    """The record as if only these seeds had been run."""
    return judged({**record, "runs": [run for run in record["runs"] if run["seed"] in seeds]})


def drawn_record(rng: random.Random, digits: int) -> dict:
    """A study of two variants with values that often lie in the middle between two printed numbers."""
    step, level = rng.choice([0.05, 0.25, 0.5, 1 / 7]), rng.choice([0.0, 90.0, 3_000.0])
    runs = [
        {"variant": name, "seed": seed, "measures": {"score": level + side + step * rng.randint(-9, 9)}}
        for name, side in (("a", rng.choice([-1, 0, 1]) * 10 * step), ("b", 0))
        for seed in range(rng.randint(2, 12))
    ]
    measure = {"name": "score", "label": "score", "unit": rng.choice(["%", "ms", ""]), "digits": digits}
    comparison = {"claim": "", "a": "a", "b": "b", "kind": rng.choice(KINDS), "measure": "score"}
    return judged(
        {
            "measures": [{**measure, "better": rng.choice(["higher", "lower"])}],
            "variants": [{"name": name, "after": None, "description": f"networks of {name} = 3"} for name in "ab"],
            "runs": runs,
            "comparisons": [{**comparison, "smallest_difference": rng.choice([0.5, 2.0, 9.0]) * step}],
        }
    )


def by_the_script(page, cases: list[tuple[dict, int, set[int]]]) -> list[tuple[str, str]]:
    """Verdict and sentence of a record's comparison from some seeds, by the page's script."""
    # As the page has them: in JSON, whose keys are texts.
    sent = json.loads(json.dumps([[switches(record), index, sorted(seeds)] for record, index, seeds in cases]))
    function = """({ judgeRuns }, law, cases) => cases.map(([spec, index, seeds]) => {
      const comparison = spec.comparisons[index];
      const { values } = spec.measures[comparison.measure];
      const [a, b] = ["a", "b"].map((side) => values[comparison[side]].filter(([seed]) => seeds.includes(seed)));
      const { verdict, sentence } = judgeRuns(comparison, a, b, law, spec.quantiles);
      return [verdict, sentence];
    })"""
    return [tuple(one) for one in call(page, "study/judge.js", function, shared(), sent)]


def test_random_seeds_of_random_records(page):
    rng = random.Random(0)
    cases = []
    for _ in range(300):
        record = drawn_record(rng, digits=rng.choice([0, 1, 2]))
        seeds = {run["seed"] for run in record["runs"]}
        cases.append((record, 0, set(rng.sample(sorted(seeds), rng.randint(1, len(seeds))))))
    expected = []
    for record, _, seeds in cases:
        found = left(record, seeds)
        expected.append((found["verdict"], kept(found["sentence"])))
    assert by_the_script(page, cases) == expected
    assert {verdict for verdict, _ in expected} == {"shown", "refuted", "undecided"}
    assert sum("fewer than 3 seeds" in sentence for _, sentence in expected) > 30
    reasons = {re.sub(r".*\) |[\d.,]+", "", sentence) for _, sentence in expected}
    assert len(reasons) > 10  # so the rules were met, not one of them again and again


@pytest.mark.parametrize("name", RECORDED)
def test_random_seeds_of_the_recorded_studies(page, name):
    record, rng = recorded_study(name), random.Random(name)
    seeds = sorted({run["seed"] for run in record["runs"]})
    chosen = [set(seeds), *(set(rng.sample(seeds, rng.randint(1, len(seeds)))) for _ in range(20))]
    cases = [(record, index, some) for index in range(len(record["comparisons"])) for some in chosen]
    expected = [
        (found["verdict"], kept(found["sentence"]))
        for record, index, some in cases
        for found in [left(record, some)["comparisons"][index]]
    ]
    assert by_the_script(page, cases) == expected


def test_numbers_are_rounded_as_in_python(page):
    rng = random.Random(3)
    values = [k / 8 for k in range(-40, 41)] + [1234567.125, 999.95, 1.005, 0.0, 2.5, -0.5]
    values += [rng.uniform(-2000, 2000) for _ in range(500)] + [rng.randint(-40_000, 40_000) / 400 for _ in range(500)]
    cases = [[value, digits] for value in values for digits in range(4)]
    got = call(page, "study/judge.js", "({ decimals }, cases) => cases.map((one) => decimals(...one))", cases)
    assert got == [f"{value:,.{digits}f}" for value, digits in cases]


def test_numbers_stay_with_their_units_and_settings_in_one_piece():
    assert text("ghosts (s = 2, d = 3): 0.5 points, 3 ms & 90 %") == (
        "ghosts (s\xa0=\xa02, d\xa0=\xa03): 0.5\xa0points, 3\xa0ms &amp; 90\xa0%"
    )
    assert kept("{level_a} % of a") == "{level_a}\xa0% of a" and kept(None) == ""


def opened(page, study: ShownStudy, width: int = 1000):
    """A page with the study, and its script unless the page has none."""
    page.set_viewport_size({"width": width, "height": 900})
    script = study_script().replace("</", "<\\/")
    title = "<!doctype html><html lang=en><title>A study</title>"
    page.set_content(f"{title}<main><h1>A study</h1>{study._repr_html_()}</main><script>{script}</script>")
    page.wait_for_selector("[data-switches][data-ready]")
    return page.locator("[data-study]")


def geometry(host) -> list:
    """Rows that are to be seen: the description, the mean, and where everything lies."""
    return host.evaluate(
        """host => [...host.querySelectorAll("[data-variant]")].filter(e => e.checkVisibility()).map(row => ({
          name: row.dataset.variant,
          mean: row.querySelector("b").textContent,
          circles: [...row.querySelectorAll("circle")].filter(e => e.style.display !== "none").map(e =>
            [Number(e.dataset.seed), parseFloat(e.getAttribute("cx")), Number(e.getAttribute("cy"))]),
          bar: parseFloat(row.querySelector(".ln-dots-mean").getAttribute("x1")),
          lines: [...row.querySelectorAll(".ln-dots-interval")].filter(e => e.style.display !== "none").map(e =>
            ["x1", "x2"].map(name => parseFloat(e.getAttribute(name)))),
          grid: [...row.querySelectorAll(".ln-dots-grid line")].map(e => parseFloat(e.getAttribute("x1"))),
        }))"""
    )


def switch(host, name: str, value: object, on: bool) -> None:
    host.locator(f"input[name='{name}'][value='{value}']").set_checked(on)


def words(host) -> dict[str, str]:
    return {
        "verdict": host.get_attribute("data-verdict"),
        "sentence": host.locator(".ln-study-verdict [data-comparison]").text_content(),
        "label": host.locator(".ln-study-verdict strong").text_content(),
        "alt": host.get_by_role("img").first.get_attribute("aria-label"),
        "status": host.locator("[role=status]").text_content(),
    }


@pytest.mark.parametrize("name", RECORDED)
def test_a_seed_that_is_off_and_on_again_leaves_the_page_as_python_made_it(page, name):
    """Python's figure and the script's are the same, to the digits that are written."""
    host = opened(page, show_study(name))
    before = geometry(host), words(host), host.locator(".ln-dots-ticks").all_text_contents()
    seed = recorded_study(name)["runs"][0]["seed"]
    switch(host, "seed", seed, False)
    assert geometry(host) != before[0]
    switch(host, "seed", seed, True)
    after = geometry(host), words(host), host.locator(".ln-dots-ticks").all_text_contents()
    assert after == before


def test_what_is_left_is_drawn_and_judged_as_if_it_were_all(page):
    record = recorded_study("senet")
    host = opened(page, show_study("senet"))
    for seed in (1, 4):
        switch(host, "seed", seed, False)
    found = left(record, {0, 2, 3, 5})
    said = words(host)
    assert (said["verdict"], said["sentence"]) == (found["verdict"], kept(found["sentence"]))
    assert "means of 4 seeds each" in said["sentence"] and "the verdict stands on 4 seeds." in said["status"]
    assert said["status"].startswith("4 of 6 seeds and 8 of 8 variants are on")
    # Python draws a record that has only these seeds the same way.
    expected = geometry_of_python(page, ShownStudy(found))
    host = opened(page, show_study("senet"))
    for seed in (1, 4):
        switch(host, "seed", seed, False)
    assert (geometry(host), words(host)["alt"]) == expected
    sentences = host.locator("li [data-comparison]").all_text_contents()
    assert sentences == [kept(one["sentence"]) for one in found["comparisons"][1:]]


def geometry_of_python(page, study: ShownStudy) -> tuple:
    page.set_content(study._repr_html_())
    host = page.locator("[data-study]")
    return geometry(host), host.get_by_role("img").first.get_attribute("aria-label")


def test_a_variant_that_is_off_leaves_the_figure(page):
    record = recorded_study("senet")
    host = opened(page, show_study("senet"))
    before = words(host)
    switch(host, "variant", "shuffled", False)
    assert [row["name"] for row in geometry(host)] == [
        one["name"] for one in record["variants"] if one["name"] != "shuffled"
    ]
    description = next(one["description"] for one in record["variants"] if one["name"] == "shuffled")
    said = words(host)
    assert description in before["alt"] and description not in said["alt"]
    assert said["sentence"] == before["sentence"] and "7 of 8 variants" in said["status"]
    assert f"This is switched off: {description}." in host.locator("li [data-comparison]").all_text_contents()
    switch(host, "variant", "gates", False)
    said = words(host)
    assert said["label"] == "Not compared." and said["verdict"] == "undecided"
    assert said["sentence"] == f"This is switched off: {record['variants'][0]['description']}."


def test_fewer_than_three_seeds_decide_nothing(page):
    host = opened(page, show_study("mobilenet_v1"))
    assert words(host)["verdict"] == "refuted"
    for seed in (0, 1, 2):
        switch(host, "seed", seed, False)
    said = words(host)
    assert said["verdict"] == "undecided" and said["label"] == "At this size: undecided."
    assert "fewer than 3 seeds cannot decide" in said["sentence"] and "95 % interval" not in said["alt"]
    assert "From all recorded seeds it is: refuted." in said["status"]
    assert all(row["lines"] == [] and len(row["circles"]) == 2 for row in geometry(host))
    for seed in (3, 4):
        switch(host, "seed", seed, False)
    assert geometry(host) == [] and host.locator("figure:visible").count() == 0
    assert host.locator(".ln-study-verdict").text_content() == "Not compared. All seeds are switched off."
    host.get_by_role("button", name="Switch all on").click()
    assert words(host)["verdict"] == "refuted" and words(host)["status"] == ""
    assert host.get_by_role("button", name="Switch all on").count() == 0


def test_everything_stays_within_the_axis(page):
    """An interval of three seeds may be far wider than that of all: the axis follows."""
    host = opened(page, show_study("senet"))
    rng = random.Random(5)
    for _ in range(8):
        on = rng.sample(range(6), 3)
        for seed in range(6):
            switch(host, "seed", seed, seed in on)
        places = [
            place
            for row in geometry(host)
            for place in [*(x for _, x, _ in row["circles"]), row["bar"], *(x for line in row["lines"] for x in line)]
        ]
        assert min(places) == pytest.approx(4, abs=0.01) and max(places) == pytest.approx(96, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_it_can_be_used_by_everyone(page, width, scheme):
    page.emulate_media(color_scheme=scheme)
    host = opened(page, show_study("senet"), width)
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    seed = host.get_by_role("group", name="Seeds").get_by_role("checkbox", name="2")
    seed.focus()
    page.keyboard.press("Space")
    assert not seed.is_checked() and "5 of 6 seeds" in words(host)["status"]
    assert seed.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
    assert host.get_by_role("group", name="Variants").get_by_role("checkbox").count() == 8
    assert host.locator(".ln-study-verdict").get_attribute("aria-live") == "polite"
    faults = Axe().run(page, options={"preload": False, "resultTypes": ["violations"]}).response["violations"]
    assert [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in faults] == []
    page.emulate_media(color_scheme="light")


def test_without_scripts_the_page_has_no_dead_switches(page):
    context = page.context.browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.set_content(show_study("senet")._repr_html_())
    assert plain.locator("input").count() == 0 and plain.locator("circle").count() > 40
    context.close()


def test_text_from_python_is_only_text(page):
    record = recorded_study("senet")
    rude = 'networks <b>rude</b> & "quoted" </script>'
    variants = [{**one, "description": rude} if one["name"] == "gates" else one for one in record["variants"]]
    host = opened(page, ShownStudy(judged({**record, "variants": variants})))
    switch(host, "seed", 0, False)
    assert (
        rude in words(host)["sentence"]
        and rude in words(host)["alt"]
        and host.locator("b", has_text="rude").count() == 0
    )


def test_quantiles_are_those_of_the_intervals():
    record = recorded_study("senet")
    for count, quantile in switches(record)["quantiles"].items():
        values = [float(k) for k in range(count)]
        found = t_interval(values)
        deviation = math.sqrt(sum((v - found.mean) ** 2 for v in values) / (count - 1))
        assert found.high - found.mean == pytest.approx(quantile * deviation / math.sqrt(count))
