"""The watermark as an intervention: whom it marks, what it refuses, and that it is read in a loop."""

import json
from pathlib import Path

import pytest
import torch

from loopsim.config import with_values
from loopsim.core.errors import ConfigError
from loopsim.interventions.draw import Draw
from loopsim.interventions.watermark import Watermark
from loopsim.runs.resolve import resolve
from tests.helpers.command_line import loopsim_here
from tests.helpers.loops import small_config, start_run

SHORT = [
    "generations=2", "evaluate.num_replicates=1", 'evaluate.metrics=["representation"]',
    "generate.num_steps=10", "finetune.num_steps=0", "clip.num_steps=0", "captioner.num_steps=0",
]  # fmt: skip


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "marked"
    entry = 'interventions=[{kind="watermark", share=0.75}]'
    start_run(directory, small_config(*SHORT, entry))
    return directory


def test_it_marks_its_share_by_seed_alone() -> None:
    mark = Watermark(share=0.25).at(1)
    noise = torch.randn(400, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    draws = [Draw("c", "p", seed) for seed in range(400)]
    changed = mark.noise(noise, draws)
    is_marked = [not torch.equal(one, other) for one, other in zip(noise, changed, strict=True)]
    assert is_marked == [mark.marks(seed) for seed in range(400)]
    assert 70 < sum(is_marked) < 130
    assert torch.equal(mark.noise(noise[7:9], draws[7:9]), changed[7:9])
    assert not Watermark(share=0).acts()


def test_each_generation_has_a_message_of_its_own() -> None:
    one, two = (Watermark().at(generation).shading.message for generation in (1, 2))
    assert not torch.equal(one, two)
    assert torch.equal(one, Watermark().at(1).shading.message)


def test_pictures_that_are_too_small_are_told_before_anything_is_made(tmp_path: Path) -> None:
    config = with_values(small_config(), {"interventions": [{"kind": "watermark", "num_bits": 4096}]})
    with pytest.raises(ConfigError, match=r"interventions\[0\] \(watermark\): .* 2,048 latents, too few"):
        resolve(config, tmp_path)


def test_it_is_read_where_it_is_and_nowhere_else(marked: Path) -> None:
    done = loopsim_here(
        "watermark", marked.name, "-g", "1", "--runs-dir", str(marked.parent), "--attack", "jpeg:75",
        "--attack", "zoom:0.5", "--unmarked", "30", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    rows = {(row["pictures"], row["attack"], row["group"]): row for row in document["readings"]}
    whole = {key[:2]: row for key, row in rows.items() if key[2] == "overall"}
    assert whole["marked", ""]["n"] + whole["unmarked", ""]["n"] == 12
    assert whole["marked", ""]["accuracy"]["value"] > 0.85
    assert whole["marked", ""]["found"]["1e-06"]["value"] > 0.8
    assert whole["marked", "jpeg:75"]["accuracy"]["value"] < whole["marked", ""]["accuracy"]["value"]
    assert whole["marked", "zoom:0.5"]["found"]["1e-06"]["value"] == 0
    for kind in ("unmarked", "real", "drawn"):
        assert whole[kind, ""]["found"]["1e-06"]["value"] == 0
        assert whole[kind, ""]["accuracy"]["value"] < 0.68
    groups = [
        row["n"] for (kind, _, group), row in rows.items() if kind == "real" and group.startswith("gender")
    ]
    assert sum(groups) == whole["real", ""]["n"] == 24
    shown = loopsim_here("watermark", str(marked), "--unmarked", "0", "--attack", "noise:0.1")
    assert shown.returncode == 0
    assert "S_2: 128 bits" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-g", "7"], "no finished S_7"),
        (["--attack", "jpg:3"], "'jpg' is not known"),
    ],
)
def test_what_cannot_be_read_is_told(arguments: list[str], words: str, marked: Path) -> None:
    done = loopsim_here("watermark", str(marked), *arguments)
    assert done.returncode != 0
    assert words in done.stderr


def test_a_run_without_marks_is_told(finished_run: tuple[Path, str]) -> None:
    done = loopsim_here("watermark", str(finished_run[0]))
    assert done.returncode != 0
    assert "no watermark acts on S_2" in done.stderr
