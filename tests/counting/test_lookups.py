"""A lookup reads its indices and what they name, and writes the result: not the whole table."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightnets_edu import count

ROWS, WIDTH = 1000, 16
WORDS = (4, 10)
INDICES = 4 * 10


@pytest.mark.parametrize("settings", [{}, {"padding_idx": 0}, {"max_norm": 1.0}])
def test_an_embedding_reads_the_rows_that_its_indices_name(settings):
    (row,) = count(nn.Embedding(ROWS, WIDTH, **settings), (WORDS, torch.long)).rows
    assert row.params == ROWS * WIDTH and row.output_shape == (*WORDS, WIDTH)
    assert row.memory_access == INDICES + 2 * INDICES * WIDTH  # read and written


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_an_embedding_bag_writes_one_row_for_each_bag(mode):
    model = nn.EmbeddingBag(ROWS, WIDTH, mode=mode)
    (row,) = count(model, (WORDS, torch.long)).rows
    assert row.params == ROWS * WIDTH and row.output_shape == (4, WIDTH)
    assert row.memory_access == INDICES + INDICES * WIDTH + 4 * WIDTH
    (row,) = count(model, {"input": ((INDICES,), torch.long), "offsets": ((4,), torch.long)}).rows
    assert row.memory_access == INDICES + 4 + INDICES * WIDTH + 4 * WIDTH


def test_the_weights_of_a_bag_are_read_too():
    model = nn.EmbeddingBag(ROWS, WIDTH, mode="sum")
    (row,) = count(model, {"per_sample_weights": WORDS, "input": (WORDS, torch.long)}).rows
    assert row.memory_access == 2 * INDICES + INDICES * WIDTH + 4 * WIDTH


@pytest.mark.parametrize("rows", [7, 39, 40, 41])
def test_no_more_than_the_whole_table_is_read(rows):
    (row,) = count(nn.Embedding(rows, WIDTH), (WORDS, torch.long)).rows
    assert row.memory_access == INDICES + min(rows, INDICES) * WIDTH + INDICES * WIDTH


class Tables(nn.Module):
    """Looks things up in a table of its own."""

    def __init__(self, look_up):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(ROWS, WIDTH))
        self.register_buffer("places", torch.zeros(6, dtype=torch.long))
        self.look_up = look_up

    def forward(self, x):
        return self.look_up(self, x)


LOOKUPS = {
    "index": lambda m, x: m.table[x],
    "index_select": lambda m, x: m.table.index_select(0, x),
    "places known before": lambda m, x: (m.table[m.places], x)[0],
    "an embedding of places known before": lambda m, x: (F.embedding(m.places, m.table), x)[0],
    "an embedding by names": lambda m, x: F.embedding(weight=m.table, input=x),
}


@pytest.mark.parametrize("name", LOOKUPS)
def test_every_way_to_look_rows_up(name):
    (row,) = count(Tables(LOOKUPS[name]), ((6,), torch.long)).rows
    assert row.params == ROWS * WIDTH and row.memory_access == 6 + 2 * 6 * WIDTH


def test_single_numbers_that_are_looked_up():
    (row,) = count(Tables(lambda m, x: m.table.gather(0, x)), ((3, WIDTH), torch.long)).rows
    assert row.memory_access == 3 * (3 * WIDTH)  # indices, numbers, results
    (row,) = count(Tables(lambda m, x: m.table.take(x)), ((6,), torch.long)).rows
    assert row.memory_access == 3 * 6


def test_words_learn_through_a_lookup():
    model = nn.Sequential(nn.Embedding(ROWS, WIDTH), nn.Linear(WIDTH, 3))
    macs = INDICES * WIDTH * 3
    assert count(model, (WORDS, torch.long)).training_macs == 3 * macs
    model[0].requires_grad_(False)
    assert count(model, (WORDS, torch.long)).training_macs == 2 * macs
