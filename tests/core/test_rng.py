"""Randomness is a function of names."""

from collections import Counter
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from loopsim.core.rng import epoch_batches, seed_for


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seed_for(0, 1, "generate", 2) == 7771441887458470304
    assert seed_for(0, 1) != seed_for(1, 0)
    assert seed_for("1") != seed_for(1)


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 20))
def test_batches_do_not_depend_on_where_training_was_resumed(
    num_items: int, batch_size: int, first: int
) -> None:
    whole = list(islice(epoch_batches(num_items, batch_size, 0, "seed"), first + 2))
    resumed = list(islice(epoch_batches(num_items, batch_size, first, "seed"), 2))
    assert [batch.tolist() for batch in whole[first:]] == [batch.tolist() for batch in resumed]


@given(st.integers(1, 30), st.integers(1, 50))
def test_every_item_is_seen_once_an_epoch(num_items: int, batch_size: int) -> None:
    batches = islice(epoch_batches(num_items, batch_size, 0, "seed"), num_items)
    seen = [item for batch in batches for item in batch.tolist()]
    assert set(Counter(seen).values()) == {
        batch_size
    }  # num_items batches of batch_size are batch_size epochs
