"""What a page's script needs to switch a study's variants and seeds on and off without Python.

Formulas, rules and words are those of ``records/verdicts.py`` and of the figure: they travel as trees and templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightnets_edu.formulas.tree import to_tree
from lightnets_edu.pages.script.bundle import page_script
from lightnets_edu.pages.study import dots
from lightnets_edu.pages.study.words import kept
from lightnets_edu.records.verdicts import ENDS, FEWEST_SEEDS, RULES, VERDICT, t_quantile, values_of, wording


def switches(record: Mapping[str, Any]) -> dict[str, Any]:
    """The runs of a study and what is made of them, for the script.

    Args:
        record: A study's record that has runs.

    Returns:
        What can be written as JSON; ``study.js`` says what is what.
    """
    seeds = sorted({run["seed"] for run in record["runs"]})
    compared = {one["measure"] for one in record["comparisons"]}
    return {
        "seeds": seeds,
        "variants": [{"name": one["name"], "description": one["description"]} for one in dots.drawn_variants(record)],
        "measures": {
            one["name"]: {
                "digits": one["digits"],
                "words": dots.figure_words(one),
                "values": {
                    variant["name"]: list(values_of(record, variant["name"], one["name"]).items())
                    for variant in dots.drawn_variants(record)
                },
            }
            for one in record["measures"]
            if one["name"] in compared
        },
        "comparisons": [_comparison(one, record) for one in record["comparisons"]],
        "quantiles": {count: t_quantile(count) for count in range(FEWEST_SEEDS, len(seeds) + 1)},
    }


def _comparison(comparison: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    words = wording(comparison, record)
    measure = next(one for one in record["measures"] if one["name"] == comparison["measure"])
    return {
        **{name: comparison[name] for name in ("a", "b", "measure", "kind")},
        "smallest": comparison["smallest_difference"],
        "higher": measure["better"] == "higher",
        "few": [kept(sentence) for sentence in words.few],
        "enough": kept(words.enough),
        "reasons": [kept(reason) for reason in words.reasons],
        "digits": words.digits,
    }


def study_script() -> str:
    """The one script that gives the studies of a built page their switches."""
    shared = {
        "ends": ENDS,
        "rules": {
            kind: [{"holds": to_tree(rule.holds), "verdict": rule.verdict} for rule in rules]
            for kind, rules in RULES.items()
        },
        "verdict": VERDICT,
        "drawing": {
            "margin": dots.MARGIN,
            "mostTicks": dots.MOST_TICKS,
            "row": dots.ROW,
            "dots": dots.DOTS,
            "step": dots.STEP,
        },
    }
    return page_script(Path(__file__).with_name("study.js"), "switches", shared={"shared": shared})
