"""Every config that README and docs show is one that loopsim takes."""

import re
import tomllib
from pathlib import Path

import pytest

from loopsim.interventions.registry import build
from loopsim.runs.resolve import read_config, resolve

ROOT = Path(__file__).parents[2]
BLOCKS = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", path.read_text("utf-8"), re.DOTALL))
    if "[[interventions]]" in block
]


@pytest.mark.parametrize("block", BLOCKS)
def test_interventions_in_the_documents_can_be_copied(block: str, tmp_path: Path) -> None:
    assert tomllib.loads(block)
    path = tmp_path / "copied.toml"
    path.write_text(block)
    config = read_config(str(path), [])
    assert len(build(config.interventions)) == block.count("[[interventions]]")
    if "pixel_watermark" not in block:  # that takes larger pictures than the shipped models draw
        resolve(config, tmp_path)


def test_there_are_some() -> None:
    assert len(BLOCKS) >= 8
