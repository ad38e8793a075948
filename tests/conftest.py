"""Shared by all tests: one thread (two cores are shared with the browser), and hypothesis without a clock."""

import pytest
import torch
from hypothesis import settings

settings.register_profile("lightnets", deadline=None, max_examples=60)
settings.load_profile("lightnets")


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)
