"""Rows come back as they were, and damage to their bytes is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopsim.core.errors import CorruptRun
from loopsim.store.codec import decode, encode
from loopsim.store.keys import encode_key
from loopsim.store.row import Row
from loopsim.store.rows import AuditRow, ConfigRow

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=6,
)


def key_of(row: Row) -> bytes:
    return encode_key(row.TABLE, *row.key)


def audit(blob: bytes, index: int = 7, prompt: str = "a photo of a cook") -> AuditRow:
    return AuditRow(prompt, "cook", 3, blob, 1, index)


@given(
    st.dictionaries(st.text(), JSON, max_size=4),
    st.text(),
    st.binary(max_size=100),
    st.integers(0, 2**32 - 1),
)
def test_records_come_back_as_they_were(tree: dict, text: str, blob: bytes, index: int) -> None:
    config, row = ConfigRow(tree), audit(blob, index, text)
    assert decode(ConfigRow, key_of(config), encode(config)) == config
    assert decode(AuditRow, key_of(row), encode(row)) == row


@given(st.binary(max_size=60), st.data())
def test_any_flipped_bit_is_found(blob: bytes, data: st.DataObject) -> None:
    row = audit(blob)
    value = bytearray(encode(row))
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CorruptRun):
        decode(AuditRow, key_of(row), bytes(value))


def test_a_value_under_another_key_is_found() -> None:
    with pytest.raises(CorruptRun):
        decode(AuditRow, key_of(audit(b"", 8)), encode(audit(b"", 7)))
