"""Every widget of every page, driven by its native inputs, shows what Python computes.

Whole numbers are exactly the same. Outputs with digits may differ in the last of a double's sixteen digits: Python and
the browser each have their own logarithm and exponential.
"""

from __future__ import annotations

import math
import random

import pytest

from lightnets_edu.pages import get_widget
from lightnets_edu.pages.widget.controls import Choice, Slider

from .conftest import CHAPTERS, focus_by_tab

SETTINGS = 40


def random_value(control, rng: random.Random) -> object:
    """Often a round value (so that combinations are valid), sometimes any, sometimes an end."""
    if isinstance(control, Choice):
        return rng.choice(control.values)
    if not isinstance(control, Slider):
        return rng.random() < 0.5
    low, high, step = (control.code(value) for value in (control.minimum, control.maximum, control.step))
    grid = range(low, high + 1, step)
    round_values = [value for value in grid if value in (1, 2, 4, 8, 16, 32, 64, 128, 256)] or list(grid)
    code = rng.choice([rng.choice(round_values), rng.choice(round_values), rng.choice(grid), rng.choice([low, high])])
    return code if control.scale == 1 else code / control.scale


def assert_page_equals_python(shown: dict, python, inputs: dict) -> bool:
    """Compare; returns whether the settings were valid."""
    try:
        expected = python.evaluate(**inputs)
    except ValueError as error:
        assert shown["status"] == str(error), inputs
        assert {text for _, text in shown["texts"]} == {"–"}, inputs
        assert {value for _, value in shown["values"]} == {None}, inputs
        return False
    assert shown["status"] == "", inputs
    assert {name for name, _ in shown["values"]} == set(expected), inputs
    texts = {output.name: output.text(expected[output.name]) for output in python.outputs if output.digits is None}
    for (name, value), (_, text) in zip(shown["values"], shown["texts"], strict=True):
        same = expected[name] if name in texts else pytest.approx(expected[name], rel=1e-9, abs=0)
        assert type(expected[name])(value) == same, (name, inputs)
        assert text == texts.get(name, text), (name, inputs)
    return True


@pytest.mark.parametrize("page", CHAPTERS)
def test_random_settings_equal_python(visit, base, page):
    widgets = visit(base + page, reduced_motion="reduce").widgets
    assert widgets, "every chapter has a widget"
    for widget in widgets:
        python = get_widget(widget.name)(**widget.state)
        inputs = {control.name: getattr(python, control.name) for control in python.controls}
        rng = random.Random(f"{page} {widget.index}")
        valid = int(assert_page_equals_python(widget.read(), python, inputs))
        for _ in range(SETTINGS):
            for control in rng.sample(python.controls, rng.randint(1, len(python.controls))):
                inputs[control.name] = random_value(control, rng)
                widget.set(control.name, inputs[control.name])
            valid += assert_page_equals_python(widget.read(), python, inputs)
        assert valid >= 10, f"{widget.name}: only {valid} of the settings tried were valid"


def after_plus(slider: Slider, value: float, python) -> float:
    """Where the button with the plus leads from a value: a step up, or to the next number that divides others."""
    if not slider.divides:
        return min(value + slider.step, slider.maximum)
    numbers = {control.name: control.code(getattr(python, control.name)) for control in python.controls}
    for name, expr in python.definitions.items():
        numbers[name] = int(expr.subs({symbol: numbers[symbol.name] for symbol in expr.free_symbols}))
    common = math.gcd(*(numbers[name] for name in slider.divides))
    return min((n for n in range(value + 1, min(slider.maximum, common) + 1) if common % n == 0), default=value)


@pytest.mark.parametrize("page", CHAPTERS)
def test_keyboard_alone(visit, server, page):
    widget = visit(server + page).widgets[0]
    python = get_widget(widget.name)(**widget.state)
    first = {control.name: getattr(python, control.name) for control in python.controls}
    press = widget.page.keyboard.press
    for control in python.controls:
        focus_by_tab(widget.page, widget.input(control.name))
        outline = widget.input(control.name).evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline != "none", f"{control.name} shows no focus"
        if isinstance(control, Slider):
            for key, value in (("Home", control.minimum), ("End", control.maximum)):
                press(key)
                assert_page_equals_python(widget.read(), python, {**first, control.name: value})
            press("ArrowLeft")
            lower = control.read((control.code(control.maximum) - control.code(control.step)) / control.scale)
            assert_page_equals_python(widget.read(), python, {**first, control.name: lower})
            press("Tab")  # to the button with the plus
            press("Space")
            assert float(widget.input(control.name).input_value()) == after_plus(control, lower, python)
        elif isinstance(control, Choice):
            press("Home")
            assert_page_equals_python(widget.read(), python, {**first, control.name: control.values[0]})
        else:
            press("Space")
            flipped = not getattr(python, control.name)
            assert_page_equals_python(widget.read(), python, {**first, control.name: flipped})
        widget.host.get_by_role("button", name="Reset").click()
        widget.page.evaluate("() => document.activeElement.blur()")
        assert_page_equals_python(widget.read(), python, first)


def test_a_finger_meets_divisors_only(visit, server):
    """Wherever it lets go of the slider for groups, they divide the channels: there is no refusal."""
    widgets = visit(server + "notebooks/01_convolution_cost.html").widgets
    widget = next(widget for widget in widgets if widget.name == "convolution_explorer")
    slider = widget.input("groups")
    slider.scroll_into_view_if_needed()
    box, mouse = slider.bounding_box(), widget.page.mouse
    mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    mouse.down()
    met = set()
    for part in range(1, 40):
        mouse.move(box["x"] + box["width"] * part / 80, box["y"] + box["height"] / 2)
        met.add(int(slider.input_value()))
        assert not widget.host.locator(".ln-status").text_content()
    mouse.up()
    common = math.gcd(int(widget.state["in_channels"]), int(widget.state["out_channels"]))
    assert len(met) > 3 and all(common % groups == 0 for groups in met)


@pytest.mark.parametrize("page", CHAPTERS)
def test_inputs_are_named_and_described(visit, server, page):
    for widget in visit(server + page).widgets:
        for control in get_widget(widget.name).controls:
            assert widget.input(control.name).count() == 1, control.name
            assert widget.host.get_by_label(control.label, exact=True).count() == 1, control.label
        figures = widget.host.locator("figure").all()
        assert len(figures) == widget.host.locator("svg[role=img]").count()
        for figure in figures:
            sentence = figure.locator("svg[role=img]").get_attribute("aria-label")
            assert sentence.endswith("."), "a picture says in a sentence what it shows"
            assert figure.locator("figcaption").text_content() == sentence


def test_the_picture_changes_its_sentence(visit, server):
    widgets = visit(server + "notebooks/01_convolution_cost.html").widgets
    widget = next(widget for widget in widgets if widget.name == "convolution_explorer")
    picture = widget.host.locator("svg[role=img]")
    sentences = []
    for groups in (1, 4, 64):
        for name, value in {"in_channels": 64, "out_channels": 64, "groups": groups}.items():
            widget.set(name, value)
        sentences.append(picture.get_attribute("aria-label").split(":")[0].split(" (")[0])
    assert sentences == ["Dense", "Block-diagonal", "Diagonal"]
    widget.set("groups", 3)
    assert picture.get_attribute("aria-label").startswith("The last possible setting: Diagonal")
    widget.set("in_channels", 8)
    widget.set("out_channels", 8)
    for groups, cells in ((1, 64), (2, 32), (8, 8)):
        widget.set("groups", groups)
        assert picture.locator(".ln-cells").get_attribute("d").count("M") == cells
