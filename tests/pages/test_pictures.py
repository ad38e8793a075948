"""The pictures of widgets in a browser: what they draw and say equals Python, PyTorch and the networks' own shuffle."""

from __future__ import annotations

import re

import pytest
import sympy as sp
import torch
from torch import nn

from lightnets_edu.formulas import Check
from lightnets_edu.models.channel_shuffle import channel_shuffle
from lightnets_edu.pages import get_widget, list_widgets
from lightnets_edu.pages.widget.controls import Slider
from lightnets_edu.pages.widget.widgets import Output, Picture, Widget, number, real

from .conftest import call, show

CHANNELS = Slider("channels", "Channels", 1, 512, 24)
GROUPS = Slider("groups", "Groups", 1, 64, 4, divides=("channels",))
SIZE = Slider("size", "Map size", 2, 112, 28, step=2, unit="px")
PEAK = Slider("peak", "Peak", 10, 2000, 200, step=10, unit="GFLOP/s")
BANDWIDTH = Slider("bandwidth", "Bandwidth", 0.5, 500, 40, step=0.5, scale=2, unit="GB/s")
c, g, n, peak, bandwidth = (control.symbol for control in (CHANNELS, GROUPS, SIZE, PEAK, BANDWIDTH))


class Pictures(Widget):
    """Every kind of picture."""

    name = "pictures"
    title = "Pictures"
    description = "For tests."
    controls = (CHANNELS, GROUPS, SIZE, PEAK, BANDWIDTH)
    checks = (Check(sp.Eq(sp.Mod(c, g), 0), "groups={groups} does not divide channels={channels}"),)
    outputs = (
        Output("macs", "MACs", c * c / g * n * n),
        Output("dense", "MACs of one group", c * c * n * n),
        Output("intensity", "Arithmetic intensity", number("macs") / (c * n * n + c * c / g), "FLOPs a byte", digits=2),
        Output("reached", "At most", sp.Min(peak, bandwidth / 2 * real("intensity")), "GFLOP/s", digits=1),
    )
    picture = Picture("connectivity", ("channels", "channels", "groups"))
    pictures = (
        Picture("shuffle", ("channels", "groups")),
        Picture("roofline", ("peak", "bandwidth", "intensity")),
        Picture("sweep", ("channels", "macs", "dense")),
        Picture("sweep", ("groups", "macs")),
    )


@pytest.fixture
def pictures_page(page):
    return show(page, Pictures())


def sentence(page, kind: str, place: int = 0) -> str:
    return page.locator(f".ln-{kind} svg[role=img]").nth(place).get_attribute("aria-label")


def set_controls(page, **values):
    for name, value in values.items():
        page.fill(f"[name={name}]", str(value))


def test_every_picture_of_every_widget_is_told_in_a_sentence(page):
    """The sentence follows the settings, stands below the picture too, and has no holes."""
    with_pictures = [kind for kind in map(get_widget, list_widgets()) if kind.picture or kind.pictures]
    widgets = [Pictures(), *(kind() for kind in with_pictures)]
    show(page, *widgets)
    hosts = page.locator("[data-widget]").all()
    for widget, host in zip(widgets, hosts, strict=True):
        figures = host.locator("figure").all()
        assert len(figures) == len(widget.spec["pictures"])
        for setting in ("default", "largest"):
            for figure in figures:
                told = figure.locator("svg[role=img]").get_attribute("aria-label")
                assert told == figure.locator("figcaption").text_content()
                assert told.endswith("."), (widget.name, setting)
                assert not re.search("undefined|NaN|Infinity|null", told), (widget.name, setting, told)
                assert not re.search("undefined|NaN|Infinity", figure.inner_html()), (widget.name, setting)
            for control in widget.controls:
                if isinstance(control, Slider):
                    host.locator(f"[name={control.name}]").fill(str(control.maximum).removesuffix(".0"))


def reach(channels: int, groups: int, shuffled: bool) -> torch.Tensor:
    """Which input reaches which output: a grouped convolution of ones twice, with the networks' own shuffle between."""
    weight = torch.ones(channels, channels // groups, 1, 1)
    maps = torch.eye(channels).reshape(channels, channels, 1, 1)  # one input channel an image
    maps = torch.nn.functional.conv2d(maps, weight, groups=groups)
    maps = channel_shuffle(maps, groups) if shuffled else maps
    return torch.nn.functional.conv2d(maps, weight, groups=groups).flatten(1).T > 0  # [output, input]


@pytest.mark.parametrize(("channels", "groups"), [(12, 3), (24, 4), (8, 4), (32, 16), (6, 6), (9, 1)])
def test_the_shuffle_shows_who_sees_whom(pictures_page, channels, groups):
    set_controls(pictures_page, channels=channels, groups=groups)
    seen = []
    for place, shuffled in enumerate((False, True)):
        expected = reach(channels, groups, shuffled)
        drawn = pictures_page.locator(".ln-flows .ln-cells").nth(place).get_attribute("d")
        corners = re.findall(r"M([\d.]+) ([\d.]+)h", drawn)
        assert {(int(float(row)), int(float(column))) for column, row in corners} == set(
            map(tuple, expected.nonzero().tolist())
        )
        seen.append(int(expected[0].sum()))
    told = sentence(pictures_page, "shuffle")
    if groups == 1:
        assert told.startswith(f"One group: every output sees all {channels} inputs")
        return
    of = "all " if seen[1] == channels else ""
    assert (
        f"Without the shuffle each output sees {seen[0]} of the {channels} inputs, with the shuffle {of}{seen[1]}."
        in told
    )


@pytest.mark.parametrize(("channels", "groups"), [(12, 3), (240, 3), (384, 8), (512, 64)])
def test_the_shuffle_moves_channels_as_the_networks_do(pictures_page, channels, groups):
    set_controls(pictures_page, channels=channels, groups=groups)
    order = channel_shuffle(torch.arange(channels).reshape(1, channels, 1, 1), groups).flatten() // (channels // groups)
    labels = pictures_page.locator(".ln-shuffle .ln-channel text").all_text_contents()
    behind = [int(label) - 1 for label in labels[len(labels) // 2 :]]
    assert behind == order[: len(behind)].tolist()
    assert len(behind) <= 32
    told = f"Drawn are the first {len(behind)} of {channels} places"
    assert (told in sentence(pictures_page, "shuffle")) == (len(behind) < channels)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_play_moves_the_channels_again_and_again(pictures_page, motion):
    pictures_page.emulate_media(reduced_motion=motion)
    play = pictures_page.get_by_role("button", name="Play")
    places = "[...document.querySelectorAll('.ln-channel')].map(e => getComputedStyle(e).transform)"
    behind = pictures_page.evaluate(places)
    for _ in range(2):
        play.focus()
        pictures_page.keyboard.press("Enter")
        animations = pictures_page.evaluate(
            "() => document.querySelector('.ln-shuffle').getAnimations({ subtree: true }).map(animation => {"
            "  const { delay, duration, easing } = animation.effect.getTiming();"
            "  animation.currentTime = delay + duration / 2; return easing; })"
        )
        assert len(animations) == 24
        assert all(easing.startswith("steps(1") == (motion == "reduce") for easing in animations)
        halfway = pictures_page.evaluate(places)
        assert halfway[:24] == behind[:24], "the row before the shuffle stays"
        assert (halfway[24:] == behind[:24]) == (motion == "reduce"), "without motion they wait and then jump"
        pictures_page.evaluate("() => document.getAnimations().forEach(a => a.finish())")
        assert pictures_page.evaluate(places) == behind
    pictures_page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize(("peak_value", "bandwidth_value"), [(200, 40), (10, 500), (2000, 0.5)])
def test_the_roofline_says_what_can_be_reached(pictures_page, peak_value, bandwidth_value):
    set_controls(pictures_page, peak=peak_value, bandwidth=bandwidth_value)
    numbers = Pictures().evaluate(peak=peak_value, bandwidth=bandwidth_value)
    told = sentence(pictures_page, "roofline")
    at, reached, share, ridge = map(float, re.findall(r"[\d,]+\.?\d*", told.replace(",", "")))
    assert at == pytest.approx(numbers["intensity"], rel=0.005)
    assert reached == pytest.approx(min(peak_value, bandwidth_value * numbers["intensity"]), rel=0.005)
    assert share == pytest.approx(100 * reached / peak_value, rel=0.01)
    assert ridge == pytest.approx(peak_value / bandwidth_value, rel=0.005)
    assert ("waits for memory" in told) == (numbers["intensity"] < peak_value / bandwidth_value)


def test_a_sweep_tells_both_ends_and_the_present_value(pictures_page):
    python = Pictures()
    set_controls(pictures_page, channels=64, groups=8)
    ends = [python.evaluate(channels=channels, groups=8)["macs"] for channels in (16, 512, 64)]
    told = sentence(pictures_page, "sweep")
    # 64 and each 16th number to both sides are divisible by 8; the lower end of the slider is not.
    assert told.startswith(
        "Over “Channels”: “MACs” is {:,} at 16, {:,} at 512, and {:,} at the present 64;".format(*ends)
    )
    assert told.endswith(" Drawn through every 16th setting. Where the curve has gaps, the setting is not possible.")
    curve = pictures_page.locator(".ln-sweep").nth(0).locator("path.ln-line-0").first.get_attribute("d")
    assert (curve.count("M"), curve.count("L")) == (1, 31)
    set_controls(pictures_page, groups=3, channels=66)  # 66 + 16 n is divisible by 3 for each third n
    curve = pictures_page.locator(".ln-sweep").nth(0).locator("path.ln-line-0").first.get_attribute("d")
    assert curve.count("L") == 0
    assert curve.count("M") == len([n for n in {1, *range(66 % 16, 513, 16), 512} if n % 3 == 0])
    set_controls(pictures_page, channels=12)
    told = sentence(pictures_page, "sweep", 1)
    ends = [python.evaluate(channels=12, groups=groups)["macs"] for groups in (1, 12, 3)]
    assert told.startswith("Over “Groups”: “MACs” is {:,} at 1, {:,} at 12, and {:,} at the present 3.".format(*ends))
    assert pictures_page.locator(".ln-sweep").nth(1).locator(".ln-dot").count() == 6  # 1, 2, 3, 4, 6, 12
    set_controls(pictures_page, groups=5)
    assert sentence(pictures_page, "sweep", 1).startswith("The last possible setting: Over “Groups”")


WIDTH = Slider("width", "Width", 0.25, 1.5, 1, step=0.05, scale=100)
SLIDERS = (CHANNELS, SIZE, BANDWIDTH, WIDTH, Slider("offset", "Offset", -5, 700, 3))


@pytest.mark.parametrize("slider", SLIDERS, ids=lambda slider: slider.name)
def test_sweeps_stay_on_the_slider_s_grid(page, slider):
    grid = [slider.code(slider.minimum) + i * slider.code(slider.step) for i in range(2000)]
    grid = [code for code in grid if code <= slider.code(slider.maximum)]
    for present in (grid[0], grid[-1], grid[len(grid) // 3], grid[-2]):
        function = "({ sweepPlaces }, ...args) => sweepPlaces(...args).places"
        places = call(page, "widget/sweep.js", function, slider.spec(), {slider.name: present})
        codes = [slider.code(slider.read(place)) for place in places]
        assert codes == sorted(set(codes))
        assert {grid[0], present, grid[-1]} <= set(codes) <= set(grid)
        assert len(codes) == len(grid) if len(grid) <= 64 else 30 <= len(codes) <= 64


def test_the_buttons_of_groups_go_from_divisor_to_divisor(pictures_page):
    press = {word: pictures_page.get_by_role("button", name=f"{word} groups") for word in ("More", "Less")}
    set_controls(pictures_page, channels=12, groups=4)
    seen = []
    for word in ("More", "More", "More", "Less", "Less", "Less", "Less", "Less", "Less"):
        press[word].click()
        seen.append(int(pictures_page.input_value("[name=groups]")))
    assert seen == [6, 12, 12, 6, 4, 3, 2, 1, 1]
    set_controls(pictures_page, groups=5)  # refused by the check, and the way out is one press
    press["Less"].click()
    assert pictures_page.input_value("[name=groups]") == "4"
    set_controls(pictures_page, groups=63)
    press["More"].click()
    assert pictures_page.input_value("[name=groups]") == "63"


# --- Sliding kernels -------------------------------------------------------------------------------------------------

SLIDING = "sliding_kernel"


def sliding_layer(kind: str) -> nn.Conv2d:
    """The real layer that the picture draws."""
    built = {
        "standard": (3, 2, 3, 1),
        "grouped": (4, 2, 3, 2),
        "depthwise": (3, 3, 3, 3),
        "pointwise": (3, 2, 1, 1),
    }
    ins, outs, kernel, groups = built[kind]
    return nn.Conv2d(ins, outs, kernel, groups=groups, bias=False)


def windows_drawn(page, maps: int) -> set[tuple[int, int, int]]:
    """Map, row and column of every pixel under a kernel."""
    frames = page.eval_on_selector_all(".ln-sliding rect.ln-frame", "all => all.map(e => Number(e.getAttribute('x')))")[
        :maps
    ]
    path = page.locator(".ln-windows").get_attribute("d")
    found = set()
    for left, top, side in re.findall(r"M([\d.]+) ([\d.]+)h(\d+)", path):
        x, y, k = float(left), int(top), int(side)
        channel = max(i for i, frame in enumerate(frames) if frame <= x + 1e-9 and frame + 6 >= x + k - 1e-9)
        found |= {(channel, y + i, round(x - frames[channel]) + j) for i in range(k) for j in range(k)}
    return found


@pytest.mark.parametrize("kind", ["standard", "grouped", "depthwise", "pointwise"])
def test_the_kernels_stand_where_a_real_layer_reads(page, kind):
    """By the gradient of a pixel: no other pixel of the input changes it. The counter counts each of these products."""
    page.emulate_media(reduced_motion="reduce")
    widget = get_widget(SLIDING)()
    show(page, widget)
    page.select_option("[name=kind]", kind)
    layer = sliding_layer(kind)
    image = torch.rand(1, layer.in_channels, 6, 6, requires_grad=True)
    pixels = layer(image)[0].flatten()
    numbers = widget.evaluate(kind=kind)
    assert numbers["params"] == layer.weight.numel() and numbers["activations"] == len(pixels)
    products = 0
    for step, pixel in enumerate(pixels[: 2 * 4 * 4], 1):
        page.get_by_role("button", name="Step").click()
        (gradient,) = torch.autograd.grad(pixel, image, retain_graph=True)
        assert windows_drawn(page, layer.in_channels) == {tuple(place) for place in gradient[0].nonzero().tolist()}, (
            step
        )
        products += int(gradient.count_nonzero())
        assert f" {products} of {numbers['macs']} " in page.locator(".ln-counter").text_content()
        assert page.locator(".ln-made").get_attribute("d").count("M") == step
    assert numbers["macs"] == len(pixels) * products / min(len(pixels), 32)


def test_it_plays_by_itself_pauses_and_comes_to_the_chapters_number(page):
    page.emulate_media(reduced_motion="no-preference")
    show(page, get_widget(SLIDING)())
    page.get_by_role("button", name="Pause").click()  # it has begun by itself
    page.get_by_role("button", name="Play").wait_for()
    before = page.locator(".ln-counter").text_content()
    page.get_by_role("button", name="Play").press("Enter")
    page.locator(".ln-counter", has_text="864 of 864").wait_for()
    page.get_by_role("button", name="Play").wait_for()
    assert before != page.locator(".ln-counter").text_content()


def test_it_stands_still_for_who_wants_no_motion(page):
    page.emulate_media(reduced_motion="reduce")
    show(page, get_widget(SLIDING)())
    page.wait_for_timeout(600)
    assert page.locator(".ln-counter").text_content().startswith("No pixel is made yet")
