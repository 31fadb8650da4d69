"""Fidelity to what captions state: a slow count over the pictures of a small loop gives the same."""

from pathlib import Path

import numpy as np
import pytest
import torch

from loopsim.data.images import decode_picture
from loopsim.data.stated_groups import stated_groups
from loopsim.models.base_weights import weights_folder
from loopsim.models.classifiers.cell_classifier import load_classifier
from loopsim.report.summary import summarize
from tests.helpers.loops import small_config, start_run
from tests.helpers.rows import curation_of, samples_of

MEASURED = 'evaluate.metrics=["representation", "stated_fidelity"]'


@pytest.mark.slow
def test_a_slow_count_gives_the_same(tmp_path: Path) -> None:
    config = small_config("generations=1", "evaluate.num_replicates=1", "finetune.num_steps=0", MEASURED)
    start_run(tmp_path / "run", config)
    classifier = load_classifier(weights_folder(config) / "classifier")
    kept = {row.index for row in curation_of(tmp_path / "run", 1) if row.kept}
    right: dict[str, list[bool]] = {}
    for row in samples_of(tmp_path / "run", 1):
        stated = stated_groups(row.caption, ["gender", "skin_tone", "skin_type"])
        if row.index not in kept or not stated:
            continue
        [seen] = classifier.label(torch.from_numpy(np.stack([decode_picture(row.picture)])))
        agrees = all(seen[name] == value for name, value in stated.items())
        for group in ["overall", *(f"{name}={value}" for name, value in stated.items())]:
            right.setdefault(group, []).append(agrees)
    rows = {
        r.group: r
        for r in summarize(tmp_path / "run").metrics
        if r.metric == "stated_fidelity" and r.generation
    }
    assert rows["overall"].n == len(right["overall"]) > 0
    for group, found in right.items():
        if len(found) > 1:
            assert rows[group].value == pytest.approx(np.mean(found), abs=1e-6), group
