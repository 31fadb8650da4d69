"""A filmstrip shows what the weights alone change: one prompt and one seed a row, a generator a column."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loopsim.core.errors import RunNotFound
from loopsim.report.filmstrip import MARGIN, MOST_COLUMNS, PICTURE, TOP, draw_films, load_films
from loopsim.store.rows import AuditRow
from loopsim.store.store import Store
from tests.helpers.command_line import in_runs, loopsim_here

COLOURS = {1: (200, 10, 10), 2: (10, 200, 10)}


def row(generation: int, index: int, prompt: str, seed: int) -> AuditRow:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), COLOURS[generation]).save(buffer, format="PNG")
    return AuditRow(prompt, "cook", seed, buffer.getvalue(), generation, index)


def run_with(directory: Path, rows: list[AuditRow]) -> Path:
    directory.mkdir()
    with Store(directory / "state.lmdb", create=True) as store:
        store.write(rows)
    return directory


def test_a_row_is_one_prompt_and_seed_and_a_column_one_generator(tmp_path: Path) -> None:
    asked = [("a photo of a cook", 1), ("a photo of a cook", 2), ("a photo of a judge", 3)]
    rows = [row(g, i, prompt, seed) for g in (1, 2) for i, (prompt, seed) in enumerate(asked)]
    run = run_with(tmp_path / "run", rows[:-1])  # SD_1 never drew the judge
    films = load_films(run, 2, 12)
    assert [(film.prompt, film.seed) for film in films] == [asked[0], asked[2]]
    assert [film.generations for film in films] == [(1, 2)] * 2
    assert [[frame is None for frame in film.frames] for film in films] == [[False, False], [False, True]]
    sheet = np.asarray(draw_films(films, "run", "a credit line"))
    cell = PICTURE + MARGIN
    for column, generation in ((1, 1), (2, 2)):
        spot = sheet[TOP + 64, MARGIN + column * cell + 64]
        assert tuple(spot) == COLOURS[generation]
    assert tuple(sheet[TOP + cell + 64, MARGIN + 2 * cell + 64]) == (255, 255, 255)
    assert len(load_films(run, 1, 12)[0].frames) == 1
    long = replace(films[0], seed=2**63 - 1)  # its digits end before the first picture
    strip = np.asarray(draw_films([long], "run", None))[TOP : TOP + PICTURE, PICTURE + 1 : PICTURE + MARGIN]
    assert (strip == 255).all()
    assert len(load_films(run, 2, 1)) == 1


def test_a_long_loop_is_shown_from_its_first_to_its_last_generator(tmp_path: Path) -> None:
    rows = [replace(row(1, 0, "a photo of a cook", 1), generation=g) for g in range(1, 101)]
    (film,) = load_films(run_with(tmp_path / "run", rows), 100, 12)
    assert len(film.frames) == MOST_COLUMNS
    assert (film.generations[0], film.generations[-1]) == (1, 100)


def test_a_run_without_neutral_pictures_says_why(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="num_audit_images"):
        load_films(run_with(tmp_path / "run", []), 2, 12)


def test_the_command_draws_it(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    run, path = finished_run[0], tmp_path / "strip.png"
    done = loopsim_here("show", run.name, "--strip", "-o", str(path), *in_runs(run.parent))
    assert done.returncode == 0, done.stderr
    assert f"generations: {path}" in done.stdout
    with Image.open(path) as sheet:
        assert sheet.width >= 2 * (PICTURE + MARGIN)
    late = loopsim_here("show", run.name, "--strip", "-g", "99", *in_runs(run.parent))
    assert late.returncode != 0
    assert "99" in late.stderr
