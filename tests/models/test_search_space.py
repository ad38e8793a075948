"""Designs: the closed form and the real network say the same; the search space holds what it says."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from lightnets_edu import count
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.search_space import (
    KINDS,
    Design,
    DesignedNetwork,
    SearchSpace,
    Stage,
    evolution,
    layers,
    pareto_front,
    random_search,
    reward,
)

SPACE = SearchSpace(((16, 24), (24, 32, 48)), depth=(1, 2))


def random_design(seed: int) -> Design:
    generator = random.Random(seed)

    def stage() -> Stage:
        kind = generator.choice(KINDS)
        more = {"kernel_size": generator.choice((3, 5)), "squeeze": generator.random() < 0.5}
        settings = {"channels": 2 * generator.randint(4, 20), "depth": generator.randint(1, 3)}
        settings |= {"expand_ratio": generator.randint(1, 6), "stride": generator.choice((1, 2))}
        return Stage(kind, **settings, **(more if kind == "inverted_residual" else {}))

    return Design(
        tuple(stage() for _ in range(generator.randint(1, 4))), 2 * generator.randint(4, 10), generator.choice((1, 2))
    )


@pytest.mark.parametrize("seed", range(12))
def test_closed_form_equals_the_real_network(seed):
    design, size = random_design(seed), (31, 32, 48)[seed % 3]
    with torch.device("meta"):
        table = count(DesignedNetwork(design).eval(), (1, 3, size, size))
    cost = network_cost(layers(design, size=size))
    for total in ("params", "macs", "activations", "memory_access"):
        assert getattr(cost, total) == getattr(table, total), total


def test_forward_and_every_gradient():
    design = Design(tuple(Stage(kind, 16, 2) for kind in KINDS))
    model = DesignedNetwork(design)
    logits = model(torch.rand(2, 3, 32, 32))
    assert logits.shape == (2, 10)
    logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert list(model.eval().feature_maps(torch.rand(1, 3, 32, 32))) == [1, 2, 4, 8, 16]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "dense"}, "separable, inverted_residual"),
        ({"channels": 7}, "even"),
        ({"depth": 0}, "at least 1"),
        ({"stride": 3}, "1 or 2"),
        ({"kernel_size": 4}, "odd"),
        ({"expand_ratio": 0}, "expand_ratio"),
        ({"kind": "ghost", "squeeze": True}, "only an inverted residual"),
        ({"kind": "separable", "kernel_size": 5}, "only an inverted residual"),
    ],
)
def test_impossible_stages_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Stage(**{"kind": "inverted_residual", "channels": 16, **settings})


def test_a_design_needs_a_stage():
    with pytest.raises(ValueError, match="at least one stage"):
        Design(())


def test_size_of_the_search_space_by_listing_it():
    generator = random.Random(0)
    found = {SPACE.sample(generator) for _ in range(40_000)}
    assert len(found) == SPACE.size == (2 * 2 * 2 * 2 * 2) * (3 * 2 * 2 * 2 * 2)


def test_a_mutation_changes_one_choice():
    generator = random.Random(0)
    design = SPACE.sample(generator)
    for _ in range(50):
        mutant = SPACE.mutate(design, generator)
        changed = [
            (a, b, name)
            for a, b in zip(design.stages, mutant.stages, strict=True)
            for name in ("channels", "depth", "kernel_size", "expand_ratio", "squeeze")
            if getattr(a, name) != getattr(b, name)
        ]
        assert len(changed) == 1
        assert replace(mutant, stages=design.stages) == design
        for place, stage in enumerate(mutant.stages):
            assert all(getattr(stage, name) in values for name, values in SPACE.choices(place).items())
        design = mutant


def test_pareto_front_by_comparing_all_pairs():
    generator = random.Random(0)
    points = [(generator.randint(1, 20), generator.randint(1, 20)) for _ in range(60)]

    def beaten(p):
        return any(q != p and q[0] <= p[0] and q[1] >= p[1] for q in points)

    front = pareto_front(points)
    assert {points[i] for i in front} == {p for p in points if not beaten(p)}
    assert front == sorted(front, key=lambda i: points[i][0])
    assert len({points[i] for i in front}) == len(front)


def test_reward():
    assert reward(0.75, 80, 80) == 0.75
    # The paper's rule: twice the latency is worth 5 per cent more accuracy.
    assert reward(0.75 * 1.05, 160, 80) == pytest.approx(0.75, rel=0.001)
    assert reward(0.75, 40, 80, alpha=0, beta=-1) == 0.75
    assert reward(0.75, 160, 80, alpha=0, beta=-1) == 0.375
    with pytest.raises(ValueError, match="above 0"):
        reward(0.5, 0, 80)


# --- Searches --------------------------------------------------------------------------------------------------------

SMALL = SearchSpace(((24,), (48, 64)), depth=(1, 2), kernel_size=(3, 5), expand_ratio=(3,), squeeze=(False, True))


def differences(a: Design, b: Design) -> int:
    """In how many choices two designs differ."""
    names = ("channels", "depth", "kernel_size", "expand_ratio", "squeeze")
    return sum(getattr(x, n) != getattr(y, n) for x, y in zip(a.stages, b.stages, strict=True) for n in names)


def test_a_space_lists_each_of_its_designs_once():
    designs = list(SMALL.designs())
    assert len(designs) == len(set(designs)) == SMALL.size == 8 * 16
    assert len({design.name for design in designs}) == SMALL.size
    generator = random.Random(0)
    assert {SMALL.sample(generator) for _ in range(2000)} == set(designs)
    assert designs[0].name == "24×1 k3 t3 | 48×1 k3 t3" and designs[-1].name == "24×2 k5 t3 SE | 64×2 k5 t3 SE"


def test_names_of_other_kinds():
    assert Stage("residual", 16, 2).name == "residual 16×2" and Stage("ghost", 16).name == "ghost 16×1 t3"


def test_random_search_takes_every_design_equally_often():
    """Without replacement: the number of draws until one of k good ones among n is (n + 1) / (k + 1) in the mean."""
    good = set(list(SMALL.designs())[::16])
    needed = []
    for seed in range(400):
        tried = random_search(SMALL, SMALL.size, random.Random(seed))
        assert len(set(tried)) == SMALL.size
        needed.append(1 + next(place for place, design in enumerate(tried) if design in good))
    expected = (SMALL.size + 1) / (len(good) + 1)
    assert abs(sum(needed) / 400 - expected) < 4 * expected / 400**0.5  # its standard deviation is below its mean


def test_evolution_changes_one_choice_of_the_best_of_those_alive():
    values = {design: random.Random(design.name).random() for design in SMALL.designs()}
    tried = evolution(SMALL, values.__getitem__, 40, random.Random(3), population=6, tournament=6)
    assert tried[:6] == random_search(SMALL, 6, random.Random(3)) and len(set(tried)) == 40
    for place in range(6, 40):
        alive = tried[place - 6 : place]  # all six are in the tournament, so the parent is the best of them
        parent, child = max(alive, key=values.__getitem__), tried[place]
        neighbours = [design for design in SMALL.designs() if differences(design, parent) == 1]
        assert child in neighbours or any(one in tried[:place] for one in neighbours)


def test_evolution_climbs_where_every_choice_counts_by_itself():
    def value(design: Design) -> float:
        return sum(stage.depth + stage.kernel_size + stage.squeeze + stage.channels for stage in design.stages)

    best = max(map(value, SMALL.designs()))
    found = {
        name: sum(max(map(value, search(random.Random(seed)))) == best for seed in range(100))
        for name, search in (
            ("random", lambda generator: random_search(SMALL, 30, generator)),
            ("evolution", lambda generator: evolution(SMALL, value, 30, generator)),
        )
    }
    assert found["evolution"] > 2 * found["random"], found


def test_a_search_ends_when_all_designs_are_tried():
    tried = evolution(SMALL, lambda design: 0.0, SMALL.size, random.Random(0))
    assert set(tried) == set(SMALL.designs())


@pytest.mark.parametrize("trainings", [0, SMALL.size + 1])
def test_more_designs_than_there_are_cannot_be_tried(trainings):
    with pytest.raises(ValueError, match=rf"trainings={trainings} should be 1 to 128"):
        random_search(SMALL, trainings, random.Random(0))
    with pytest.raises(ValueError, match=rf"trainings={trainings} should be 1 to 128"):
        evolution(SMALL, lambda design: 0.0, trainings, random.Random(0))


def test_a_tournament_needs_as_many_as_are_alive():
    with pytest.raises(ValueError, match="tournament=9 should be 1 to 8"):
        evolution(SMALL, lambda design: 0.0, 10, random.Random(0), tournament=9)
