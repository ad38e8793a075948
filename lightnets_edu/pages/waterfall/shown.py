"""A recorded race on a page: from the one time to the other, cause by cause, with what is not explained."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lightnets_edu.checks import one_of
from lightnets_edu.pages.provenance import thread_words
from lightnets_edu.recording.races import Race, get_race
from lightnets_edu.records import load_record, recorded_file
from lightnets_edu.tables import NumberTable, signed
from lightnets_edu.timing import CAUSES, DeviceProfile, machine_constants, seconds_by_cause
from lightnets_edu.timing.operations import KINDS

STYLE = Path(__file__).with_name("waterfall.css")
MOST = 3  # causes that a sentence names
SMALL = 0.015  # of the longer time: causes that change less are put together
UNEXPLAINED, OTHERS = "not explained", "all other causes"
LABELS = {
    "arithmetic": "arithmetic at the peak",
    "starting": "starting operations",
    "memory": "reading and writing maps and weights",
    "without_macs": "operations without MACs beyond their roofline",
    "dense": "standard convolutions beyond their roofline",
    "pointwise": "pointwise convolutions beyond their roofline",
    "grouped": "grouped convolutions beyond their roofline",
    "depthwise": "depthwise convolutions beyond their roofline",
    "linear": "linear layers beyond their roofline",
    "waiting": "waiting for Python",
}
ROW = 16  # height of a bar in pixels


class CauseError(ValueError):
    """A page's sentence names another cause than the record."""


def show_race(name: str, device: str = "cpu") -> ShownRace:
    """Two times that were measured in turns, and what makes the difference.

    Args:
        name: The race's, as its chapter's ``races.py`` declares it.
        device: A folder of ``results/``.

    Raises:
        ValueError: If there is no such race, it was not recorded on the device, or the record is of other networks.
    """
    race = get_race(name)
    record = load_record(recorded_file(device, "races"))
    entries = [entry for entry in record["races"] if entry["name"] == name]
    if not entries:
        raise ValueError(
            f"race {name!r} was not recorded on {device!r}: python -m lightnets_edu record --races does it"
        )
    profile = DeviceProfile.load(recorded_file(device, "profile"))
    profile.require(
        gpu=record["environment"]["device_name"] if profile.device == "cuda" else None,
        threads=record["environment"]["threads"],
        keeps_memory=record["settings"]["keeps_memory"] if profile.device == "cpu" else None,
    )
    return ShownRace(race, entries[0], record["environment"], profile)


def machine_words(profile: DeviceProfile) -> str:
    """The constants of a machine in one line."""
    constants = machine_constants(profile)
    threads = f", {thread_words(profile.threads)}" if profile.device == "cpu" else ""
    return (
        f"{profile.environment['device_name']}{threads}: peak {constants.peak / 1e9:,.0f} GMACs a second, bandwidth "
        f"{constants.bandwidth / 1e9:,.0f} GB a second, start of an operation in a network "
        f"{1e6 * constants.start:.1f} µs"
    )


@dataclass(frozen=True)
class ShownRace:
    """A race on a page and in a terminal. All times are in milliseconds.

    Attributes:
        race: Its declaration.
        entry: Its entry in the record.
        environment: Where it was timed.
        profile: Of the same machine.
    """

    race: Race
    entry: dict[str, Any]
    environment: dict[str, Any]
    profile: DeviceProfile

    def __post_init__(self) -> None:
        """Check that the record is of these networks."""
        for side, recorded in zip(self.race.sides, self.entry["sides"], strict=True):
            macs = sum(op.macs for op in side.operations())
            if list(side.input_size) != recorded["input_size"] or macs != recorded["macs"]:
                raise ValueError(
                    f"race {self.race.name!r} was recorded with {recorded['label']} of {recorded['macs']:,} MACs at "
                    f"{recorded['input_size']}, and now it is {side.label} of {macs:,} at {list(side.input_size)}: "
                    "record it again."
                )

    @cached_property
    def milliseconds(self) -> tuple[float, float]:
        """The two measured times, medians."""
        first, second = (
            1000 * recorded["measured"]["median"] / images
            for recorded, images in zip(self.entry["sides"], self.race.images, strict=True)
        )
        return first, second

    @property
    def ratio(self) -> float:
        """How many times as long the second one takes."""
        return self.milliseconds[1] / self.milliseconds[0]

    @property
    def macs_ratio(self) -> float:
        """How many times as many MACs the second one has."""
        first, second = (
            recorded["macs"] / images for recorded, images in zip(self.entry["sides"], self.race.images, strict=True)
        )
        return second / first

    @cached_property
    def causes(self) -> tuple[dict[str, float], dict[str, float]]:
        """Each side's time by cause, ``"not explained"`` among them."""
        found = []
        sides = zip(self.race.sides, self.entry["sides"], self.race.images, self.milliseconds, strict=True)
        for side, recorded, images, measured in sides:
            seconds = seconds_by_cause(side.operations(), self.profile, recorded["in_place"])
            parts = {cause: 1000 * value / images for cause, value in seconds.items()}
            found.append({**parts, UNEXPLAINED: measured - sum(parts.values())})
        first, second = found
        return first, second

    @cached_property
    def differences(self) -> dict[str, float]:
        """What each cause adds to the second time, or takes away; what is small is put together."""
        first, second = self.causes
        limit = SMALL * max(self.milliseconds)
        found, others = {}, 0.0
        for cause in first:
            difference = second[cause] - first[cause]
            if abs(difference) >= limit or cause == UNEXPLAINED:
                found[cause] = difference
            else:
                others += difference
        unexplained = found.pop(UNEXPLAINED)
        return {**found, OTHERS: others, UNEXPLAINED: unexplained}

    def part(self, cause: str) -> float:
        """What a cause adds to the second time, in milliseconds, for a sentence of the page."""
        first, second = self.causes
        return second[cause] - first[cause]

    @cached_property
    def largest(self) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """The causes that add most to the second time, and those that save most, with what they do."""
        known = [(c, d) for c, d in self.differences.items() if c not in (OTHERS, UNEXPLAINED)]
        known.sort(key=lambda one: -abs(one[1]))
        return [one for one in known if one[1] > 0][:MOST], [one for one in known if one[1] < 0][:MOST]

    def expect(self, *, adds: Sequence[str] = (), saves: Sequence[str] = ()) -> None:
        """Fail the build if a sentence of the page names a cause that the record does not. Write the sentence after it.

        Args:
            adds: Causes that are to be among those that add most to the second time.
            saves: Causes that are to be among those that save most.

        Raises:
            CauseError: If one is not among them.
        """
        for what, causes, found in zip(("add", "save"), (adds, saves), self.largest, strict=True):
            named = [cause for cause, _ in found]
            for cause in causes:
                one_of("cause", cause, CAUSES)
                if cause not in named:
                    raise CauseError(
                        f"the page says that {LABELS[cause]} is among the causes that {what} most in race "
                        f"{self.race.name!r}, but these are: {_listed(found) or 'none'}. Change the page's sentence."
                    )

    def in_place(self, kind: str) -> tuple[float, float]:
        """What all operations of a class take in each of the two networks, measured there, in milliseconds.

        Args:
            kind: One of ``lightnets_edu.timing.operations.KINDS``.

        Raises:
            ValueError: If there is no such class, or nothing was measured in place.
        """
        one_of("kind", kind, KINDS)
        if any(side["in_place"] is None for side in self.entry["sides"]):
            raise ValueError(f"race {self.race.name!r} was recorded on a GPU, where operations are not timed in place")
        first, second = (
            1000 * side["in_place"].get(kind, 0.0) / images
            for side, images in zip(self.entry["sides"], self.race.images, strict=True)
        )
        return first, second

    @property
    def sentence(self) -> str:
        """What came out, with its numbers."""
        (first, second), (a, b) = self.milliseconds, self.race.sides
        slower, faster = self.largest
        each = " an image" if self.race.per_image else ""
        words = [
            f"{b.label} takes {_ms(second)}{each} and {a.label} {_ms(first)}: {self.ratio:.2f} times as long, with "
            f"{self.macs_ratio:.2f} times the MACs."
        ]
        if slower:
            words.append(f"What adds most: {_listed(slower)}.")
        if faster:
            words.append(f"What saves most: {_listed(faster)}.")
        unexplained = self.differences[UNEXPLAINED]
        words.append(f"{_signed(unexplained)} are not explained, {abs(unexplained) / second:.0%} of the second time.")
        return " ".join(words)

    @property
    def numbers(self) -> NumberTable:
        """Both times by cause."""
        first, second = self.causes
        rows = [
            (LABELS.get(cause, cause), f"{first[cause]:.3f}", f"{second[cause]:.3f}")
            for cause in first
            if max(abs(first[cause]), abs(second[cause])) >= 0.0005
        ]
        sums = ("measured", *(f"{value:.3f}" for value in self.milliseconds))
        labels = [f"{side.label}, ms" for side in self.race.sides]
        operations = ("operations started", *(f"{len(side.operations())}" for side in self.race.sides))
        return NumberTable("Both times by cause", ("cause", *labels), [*rows, sums, operations])

    @property
    def provenance(self) -> str:
        """Where, when and how it was timed."""
        rounds = self.entry["sides"][0]["measured"]["repeats"]
        sizes = " and ".join(" × ".join(map(str, side.input_size)) for side in self.race.sides)
        noisy = [side["label"] for side in self.entry["sides"] if side["measured"]["is_noisy"]]
        spread = f" Noisy: {' and '.join(noisy)}." if noisy else ""
        return (
            f"Timed in turns, medians of {rounds} rounds, inputs {sizes}, torch {self.environment['torch']}, "
            f"{self.environment['date'][:10]}.{spread} {machine_words(self.profile)}."
        )

    def __str__(self) -> str:
        rows = [f"  {LABELS.get(cause, cause):<48}{_signed(value)}" for cause, value in self.differences.items()]
        return "\n".join([self.race.question, self.sentence, *rows, self.provenance])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        (first, second), (a, b) = self.milliseconds, self.race.sides
        steps: list[tuple[str, str, float, float, str]] = [("whole", a.label, 0.0, first, _ms(first))]
        at = first
        for cause, value in self.differences.items():
            kind = "unknown" if cause == UNEXPLAINED else "more" if value > 0 else "less"
            steps.append((kind, LABELS.get(cause, cause), at, at + value, _signed(value)))
            at += value
        steps.append(("whole", b.label, 0.0, second, _ms(second)))
        low, high = (pick(end for _, _, start, stop, _ in steps for end in (start, stop)) for pick in (min, max))
        rows = "".join(_row(*step, low=low, high=high) for step in steps)
        said = "; ".join(f"{label} {text}" for _, label, _, _, text in steps)
        alt = f"Waterfall chart from the time of {a.label} to that of {b.label}, one bar a cause: {said}."
        return (
            f'<div class="ln-waterfall" data-race="{html.escape(self.race.name)}">'
            f"<style>{STYLE.read_text(encoding='utf-8')}</style>"
            f'<p class="ln-waterfall-question">{html.escape(self.race.question)}</p>'
            f'<figure><div role="img" aria-label="{html.escape(alt)}">{rows}</div></figure>'
            f"<p>{html.escape(self.sentence)}</p>"
            f"<details><summary>All numbers</summary>{self.numbers._repr_html_()}</details>"
            f"<details><summary>How it was timed</summary><p>{html.escape(self.provenance)}</p></details></div>"
        )


def _row(kind: str, label: str, start: float, end: float, text: str, *, low: float, high: float) -> str:
    """A bar with its label and number above it."""

    def place(value: float) -> float:
        return 100 * (value - low) / (high - low)

    left, width = place(min(start, end)), abs(place(end) - place(start))
    return (
        f'<p class="ln-waterfall-label"><span>{html.escape(label)}</span> <b>{html.escape(text)}</b></p>'
        f'<svg width="100%" height="{ROW}" aria-hidden="true">'
        f'<line class="ln-waterfall-zero" x1="{place(0):.2f}%" x2="{place(0):.2f}%" y1="0" y2="{ROW}"/>'
        f'<rect class="ln-waterfall-{kind}" x="{left:.2f}%" y="2" width="{max(width, 0.3):.2f}%" height="{ROW - 4}"/>'
        "</svg>"
    )


def _ms(value: float) -> str:
    return f"{value:,.{_digits(value)}f} ms"


def _signed(value: float) -> str:
    return f"{signed(value, _digits(value), zero='±')} ms"


def _digits(value: float) -> int:
    """So many decimals that two or three digits are told."""
    return 1 if abs(value) >= 10 else 2


def _listed(parts: list[tuple[str, float]]) -> str:
    return ", ".join(f"{LABELS.get(cause, cause)} ({_signed(value)})" for cause, value in parts)
