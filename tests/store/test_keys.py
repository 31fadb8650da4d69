"""Keys sort as their parts do, and are read back."""

from hypothesis import given, settings
from hypothesis import strategies as st

from loopsim.store.keys import SHAPES, Table, decode_key, encode_key


@settings(max_examples=20)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20, unique=True))
def test_rows_come_in_the_order_of_their_integers(numbers: list[int]) -> None:
    keys = sorted(encode_key(Table.SAMPLE, 3, number) for number in numbers)
    assert [decode_key(raw_key) for raw_key in keys] == [(3, number) for number in sorted(numbers)]


@given(
    st.sampled_from(sorted(SHAPES)),
    st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=3),
    st.lists(st.text("ab =&é", max_size=9), min_size=3, max_size=3),
)
def test_keys_are_read_back_as_they_were_made(table: Table, numbers: list[int], texts: list[str]) -> None:
    parts = tuple(numbers[i] if kind == "i" else texts[i] for i, kind in enumerate(SHAPES[table]))
    assert decode_key(encode_key(table, *parts)) == parts
