"""Pictures that show nobody: a loop whose classifier abstains counts them, and leaves them out of shares."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

import loopsim
from loopsim.config import config_from_tree
from loopsim.core.run_folder import STATE
from loopsim.data.images import decode_picture
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import MEASURES, Measured
from loopsim.models.classifiers.zero_shot import zero_shot
from loopsim.models.clip import load_clip
from loopsim.report.page.contents import read_contents
from loopsim.report.page.pictures import NOBODY
from loopsim.report.summary import Summary, summarize
from loopsim.store.rows import AuditRow, ItemsRow
from loopsim.store.store import Store
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels
from tests.helpers.loops import UNSURE, files_tree, start_run
from tests.helpers.rows import state_of

NAMES = ["representation", "generator", "harms", "homogenisation", "artefacts", "stated_fidelity"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_models: TinyModels) -> Path:
    """A loop of one generation whose classifier sees nobody in some pictures."""
    root = tmp_path_factory.mktemp("unsure")
    evaluate = {"metrics": NAMES, "num_replicates": 1, "num_resamples": 50, "num_audit_images": 2}
    tree = files_tree(
        corpora.folder(root / "own", 48),
        tiny_models,
        evaluate=evaluate,
        classifier={**UNSURE, "calibration": "retrieval"},
        generate={"num_samples": 24},
        clip={"num_steps": 0},
        captioner={"num_steps": 0},
    )
    start_run(root / "run", config_from_tree(tree | {"generations": 1}, "unsure"))
    return root / "run"


@pytest.fixture(scope="module")
def summary(run: Path) -> Summary:
    return summarize(run)


def seen_in(images: torch.Tensor, models: TinyModels) -> list[dict[str, str]]:
    """What the classifier sees in pictures, asked past the loop."""
    clip = load_clip(models["vit"])
    return zero_shot(clip, (), UNSURE["prompts"], UNSURE["nobody"]).label(images)


def row_of(summary: Summary, generation: int, metric: str, group: str = "overall"):
    [row] = [
        row
        for row in summary.metrics
        if (row.generation, row.metric, row.group) == (generation, metric, group)
    ]
    return row


def share(labels: Sequence[dict[str, str]], attribute: str, value: str) -> tuple[float, int]:
    """A group's share among the pictures that have a label, and how many these are, one by one."""
    known = [label[attribute] for label in labels if label[attribute] != ""]
    return sum(one == value for one in known) / len(known), len(known)


@pytest.mark.parametrize("generation", [0, 1])
def test_shares_of_the_training_pictures_are_a_slow_counts(
    run: Path, summary: Summary, tiny_models: TinyModels, generation: int
) -> None:
    with loopsim.open_run(run) as opened:
        data = opened.training_set(generation)
        images = data.images(range(len(data)))
    labels = seen_in(images, tiny_models)
    without = [label for label in labels if label["gender"] == ""]
    assert 0 < len(without) < len(labels) / 2
    for group in ("gender=woman", "gender=man", "skin_tone=darker"):
        row = row_of(summary, generation, "dataset_share", group)
        wanted, n = share(labels, *group.split("="))
        assert (row.value, row.n) == (pytest.approx(wanted), n)
    row = row_of(summary, generation, "dataset_unlabelled")
    assert (row.value, row.n, row.is_bias) == (len(without) / len(labels), len(labels), False)
    assert row.low < row.value < row.high
    with state_of(run) as store:
        items = store.get(ItemsRow, generation, "dataset_share").scores
    assert np.isnan(items).all(1).tolist() == [label["gender"] == "" for label in labels]


def test_by_group_measures_leave_them_out_and_overall_keeps_them(run: Path, summary: Summary) -> None:
    whole = row_of(summary, 0, "dataset_sharpness")
    parts = [row_of(summary, 0, "dataset_sharpness", f"gender={value}") for value in ("man", "woman")]
    labelled = row_of(summary, 0, "dataset_share", "gender=woman").n
    assert sum(part.n for part in parts) == labelled < whole.n


def test_what_the_generator_draws_is_counted_alike(
    run: Path, summary: Summary, tiny_models: TinyModels
) -> None:
    with state_of(run) as store:
        rows = list(store.scan(AuditRow, 1))
        items = store.get(ItemsRow, 1, "women_per_profession").scores
    labels = seen_in(torch.from_numpy(np.stack([decode_picture(row.picture) for row in rows])), tiny_models)
    without = sum(label["gender"] == "" for label in labels)
    assert row_of(summary, 1, "generator_unlabelled").value == without / len(labels)
    assert row_of(summary, 1, "women_per_profession").n == len(labels) - without
    assert np.isnan(items).tolist() == [label["gender"] == "" for label in labels]
    assert row_of(summary, 1, "omission", "gender=woman").n == len(labels) - without


def test_the_page_shows_them_under_a_name_of_their_own(run: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(run, tmp_path / "run")
    with Store(directory / STATE) as store:
        items = store.get(ItemsRow, 1, "sample_share")
        scores = np.array(items.scores)
        scores[::2] = np.nan
        scores[1::2] = (0, 0)
        store.write([replace(items, data=scores.astype("<f4").tobytes())])
    found = read_contents(directory).samples
    assert {name: len(samples) for name, samples in found.items()} == {NOBODY: 6, "men & darker skin": 6}


def amplified(labels: Sequence[dict[str, str]]) -> dict[str, Measured]:
    """What bias amplification finds in two captions, after training pictures with these labels."""
    told = [{"gender": "man", "profession": "cook"}, {"gender": "woman", "profession": "judge"}]
    records = [SimpleNamespace(groups=groups) for groups in told]
    fake = SimpleNamespace(
        classifier=SimpleNamespace(values={"gender": ("man", "woman"), "profession": ("cook", "judge")}),
        corpus=SimpleNamespace(attributes=lambda *_: {"profession": ("cook", "judge")}),
        dataset_labels=labels,
        written=["a woman who is a cook", "a man who is a judge"],
        retrieval=SimpleNamespace(records=records, weights=np.ones((3, 2), np.float32)),
    )
    return {m.metric: m for m in MEASURES.get("bias_amplification").body(cast(Evaluation, fake))}


def test_what_the_data_lean_to_is_read_off_the_pictures_that_show_somebody() -> None:
    """Many pictures of nobody would make any two that go together look as if they leaned to each other."""
    counts = {("man", "cook"): 3, ("man", "judge"): 2, ("woman", "cook"): 4, ("woman", "judge"): 1}
    cells = [cell for cell, count in counts.items() for _ in range(count)]
    shown = [{"gender": gender, "profession": profession} for gender, profession in cells]
    alone, among = amplified(shown), amplified(shown + [{"gender": "", "profession": ""}] * 50)
    for metric, found in alone.items():
        assert among[metric].estimates.overall.value == found.estimates.overall.value
    assert alone["bias_amplification.profession_to_gender"].estimates.overall.value == 1
    nobody = amplified([{"gender": "", "profession": ""}] * 3)
    assert {m.estimates.overall.reason for m in nobody.values()} == {"the classifier sees nobody in D_g"}
