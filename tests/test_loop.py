"""The loop: every policy and prompt source, what it measures, and what it leaves in the store."""

import re
from pathlib import Path

import pytest

from loopsim.context.phase_names import phase_names, replica
from loopsim.report.summary import summarize
from loopsim.runs.catalog import run_state
from loopsim.runs.verify import verify_run
from tests.helpers.damage import json_of_rows
from tests.helpers.loops import small_config, start_run
from tests.helpers.rows import (
    artifact_of,
    dataset_of,
    finished_phases,
    num_replicate_pictures,
    replicate_estimate,
)

METRICS = (
    "recall@1", "recall@5", "recall@10", "self_similarity", "person_preference.gender",
    "person_preference.skin_tone", "max_skew", "ndkl", "ieat",
    "gender_error", "gender_error_single", "caption_neutral", "caption_both", "bleu4", "rouge_l", "cider_d",
    "caption_clip_score",
    "bias_amplification.gender_to_profession", "bias_amplification.profession_to_gender", "dataset_share",
    "dataset_share_corrected", "sample_share",
    "sample_share_corrected", "women_per_profession", "profession_slope", "profession_rank_correlation",
    "profession_majority_share",
    "generator_share", "generator_share_corrected", "omission", "subordination", "clip_score",
    "homogenisation", "dataset_sharpness",
    "dataset_high_frequency", "sample_sharpness", "sample_high_frequency", "sample_fd_clip",
    "sample_kid_clip", "sample_cmmd_clip",
    "sample_precision", "sample_density", "sample_recall", "sample_coverage", "sample_vendi",
    "sample_memorisation",
)  # fmt: skip


def test_a_loop_measures_everything_in_every_generation(finished_run) -> None:
    directory, _ = finished_run
    summary = summarize(directory)
    assert summary.generations == [0, 1, 2]
    for generation in summary.generations:
        assert {row.metric for row in summary.metrics if row.generation == generation} == set(METRICS)
    for row in summary.metrics:
        if row.value is None:
            assert row.reason, f"{row.metric} {row.group} says nothing and gives no reason"
        elif row.low is not None and row.high is not None:
            assert row.low <= row.high
    assert {row.generation for row in summary.drift} == {1, 2}
    of_models = {row.metric for row in summary.drift if row.retraining is not None}
    assert {"recall@1", "gender_error", "women_per_profession"} <= of_models  # the baseline was trained twice
    assert not of_models & {"dataset_share", "sample_share", "clip_score"}


def test_a_replicate_of_the_baseline_has_models_and_values_of_its_own(finished_run) -> None:
    directory, _ = finished_run
    phases = {row.fingerprint for (g, _), row in finished_phases(directory).items() if g == 0}
    assert len(phases) == len(phase_names(0, 2, 2))
    own, other = (artifact_of(directory, 0, replica("train_clip", r), "clip") for r in (0, 1))
    assert own != other
    estimate = replicate_estimate(directory, 1, "recall@1", "overall")
    assert estimate is not None
    assert 0 <= estimate.value <= 1
    assert num_replicate_pictures(directory, 1) == 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(
            [
                "compose.policy=replace",
                "generate.prompts=original",
                "generate.curation=none",
                "finetune.method=full",
            ],
            id="replace",
        ),
        pytest.param(
            [
                "compose.policy=accumulate",
                "generate.prompts=captioner",
                "clip.start=previous",
                "captioner.start=previous",
            ],
            id="accumulate",
        ),
        pytest.param(
            ["compose.policy=accumulate_subsample", "generate.curation=best_of_k", "finetune.start=base"],
            id="accumulate_subsample",
        ),
        pytest.param(
            [
                "compose.policy=fresh_real",
                "clip.start=scratch",
                "captioner.start=scratch",
                "compose.draw=probability",
            ],
            id="fresh_real",
        ),
        pytest.param(["compose.alpha=[0.0, 1.0]", "finetune.method=full"], id="substitute"),
        pytest.param(["generate.generator=oracle", "generate.oracle_shift=0.1"], id="oracle"),
    ],
)
def test_each_policy_and_prompt_source_finishes(tmp_path: Path, overrides: list[str]) -> None:
    directory = tmp_path / "run"
    digest = start_run(directory, small_config(*overrides))
    assert run_state(directory).finished
    assert verify_run(directory).digest == digest
    assert summarize(directory).generations == [0, 1, 2]
    dataset = dataset_of(directory, 2)
    share = sum(not row.is_real for row in dataset) / len(dataset)
    if "compose.policy=replace" in overrides or "compose.alpha=[0.0, 1.0]" in overrides:
        assert share == 1
    elif "compose.policy=accumulate" in overrides:
        assert share == pytest.approx(2 / 3)
    else:
        assert 0 < share < 1


def test_a_baseline_alone_is_a_run(tmp_path: Path) -> None:
    start_run(tmp_path / "run", small_config("generations=0"))
    assert run_state(tmp_path / "run").finished
    assert summarize(tmp_path / "run").generations == [0]


def test_the_digest_knows_nothing_of_names_and_times(finished_run) -> None:
    directory, _ = finished_run
    for table, text in json_of_rows(directory):
        if table != "attempt":
            assert not re.search(r'"(started|seconds|host|pid)"|' + re.escape(str(directory.parent)), text)
