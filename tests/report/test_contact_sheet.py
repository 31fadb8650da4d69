"""A contact sheet shows what was learned and, where it was rewritten, what the generator read."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loopsim.core.errors import CorruptRun, RunNotFound
from loopsim.report.contact_sheet import SheetSample, draw_sheet, load_sheet_samples
from loopsim.store.row import Row
from loopsim.store.rows import CurationRow, SampleRow
from loopsim.store.store import Store


def sample(index: int, *, prompt: str = "", kept: bool = True) -> SheetSample:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (10, 200, 10)).save(buffer, format="PNG")
    row = SampleRow(
        generation=1,
        index=index,
        slot=index,
        group=index,
        origin="original",
        caption="a photo of a nurse\x1b[31m",
        prompt=prompt or "a photo of a nurse\x1b[31m",
        seed=7,
        model="abcdef01",
        made_in=0,
        picture=buffer.getvalue(),
    )
    return SheetSample(row, CurationRow(1, index, 0.5, kept, "best share"))


def stored(directory: Path, rows: list[Row]) -> None:
    directory.mkdir()
    with Store(directory / "state.lmdb", create=True) as store:
        store.write(rows)


def has(sheet: Image.Image, colour: str) -> bool:
    """Whether a sheet has anything of that colour, be it as pale as small letters are."""
    red, green, blue = np.asarray(sheet).astype(int).reshape(-1, 3).T
    other = {"red": blue, "blue": red}[colour]
    return bool(({"red": red, "blue": blue}[colour] - np.maximum(other, green) > 40).any())


def test_a_prompt_is_drawn_only_where_an_intervention_rewrote_it() -> None:
    plain, rewritten = [sample(0)], [sample(0), sample(1, prompt="a photo of a male nurse")]
    assert not has(draw_sheet(plain, "run", 1, None), "blue")
    assert has(draw_sheet(rewritten, "run", 1, "a credit line"), "blue")


def test_what_curation_dropped_has_a_frame() -> None:
    assert not has(draw_sheet([sample(0)], "run", 1, None), "red")
    assert has(draw_sheet([sample(0, kept=False)], "run", 1, None), "red")


def test_samples_are_spread_over_the_generation(tmp_path: Path) -> None:
    items = [sample(index) for index in range(20)]
    stored(tmp_path / "run", [row for item in items for row in (item.sample, item.curation)])
    found = load_sheet_samples(tmp_path / "run", 1, 4)
    assert [item.sample.index for item in found] == [0, 5, 10, 15]
    assert found[0] == items[0]
    with pytest.raises(RunNotFound, match="real data only"):
        load_sheet_samples(tmp_path / "run", 0, 4)
    with pytest.raises(RunNotFound, match="not been drawn yet"):
        load_sheet_samples(tmp_path / "run", 2, 4)


def test_a_candidate_without_a_picture_is_damage(tmp_path: Path) -> None:
    stored(tmp_path / "run", [sample(3).curation])
    with pytest.raises(CorruptRun, match="candidate 3 of generation 1"):
        load_sheet_samples(tmp_path / "run", 1, 4)
