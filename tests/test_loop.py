"""The loop: every policy and prompt source, exact resume after real kills, extension, and what is stored."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import loopsim, resume_run, small_arguments, small_config, start_run

from loopsim.context.phase import PHASE_NAMES, phase_names, replica
from loopsim.core import faults
from loopsim.core.errors import CorruptRun, RunMismatch
from loopsim.phases import phases_of
from loopsim.phases.generate import curate, plan_candidates
from loopsim.report.summary import run_state, summarize
from loopsim.runs.run import finished_phases
from loopsim.runs.verify import verify_run
from loopsim.store.keys import Table, key
from loopsim.store.store import Record, Store

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


def rows(directory: Path, table: Table, *parts) -> list[Record]:
    with Store(directory / "state.lmdb", readonly=True) as store:
        return [row for _, row in store.scan(key(table, *parts))]


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
    phases = {(row.fields["fingerprint"]) for row in rows(directory, Table.PHASE, 0)}
    assert len(phases) == len(phase_names(0, 2, 2))
    with Store(directory / "state.lmdb", readonly=True) as store:
        own, other = (
            finished_phases(store)[0, replica("train_clip", r)]["artifacts"]["clip"] for r in (0, 1)
        )
        assert own != other
        value = store.get(key(Table.REPLICATE, 1, "recall@1", "overall"))
        assert value is not None
        assert 0 <= value.fields["value"] <= 1
        assert len(store.keys(key(Table.REPLICATE_AUDIT, 1))) == 20


@pytest.mark.slow
def test_a_metric_is_added_to_a_finished_run_and_the_seals_hold(tmp_path: Path, finished_run) -> None:
    shutil.copytree(finished_run[0], tmp_path / "run")
    where = ["--runs-dir", str(tmp_path)]
    added = loopsim("evaluate", "run", "--metric", "lic", *where)
    assert added.returncode == 0, added.stderr
    assert "measured in 3 generations" in added.stdout
    values = [
        row for row in summarize(tmp_path / "run").metrics if row.metric == "lic" and row.group == "overall"
    ]
    assert [row.generation for row in values] == [0, 1, 2]
    assert all(-100 <= row.value <= 100 for row in values)
    assert verify_run(tmp_path / "run").num_seals == 3
    assert "names no model" in loopsim(
        "evaluate", "run", "--metric", "lic_transformer", *where
    ).stdout.replace("\n", " ")
    assert loopsim("evaluate", "run", "--metric", "recall", *where).returncode == 2
    assert "did you mean 'lic'" in loopsim("evaluate", "run", "--metric", "licc", *where).stderr


def test_the_phases_are_those_that_their_names_say() -> None:
    assert {phase.name for phase in phases_of(small_config("evaluate.num_replicates=3"))} == set(
        phase_names(0, 1, 3)
    )
    assert phase_names(1, 1, 3) == [name for name in PHASE_NAMES if name not in ("finetune", "generate")]


def test_every_sample_keeps_its_lineage(finished_run) -> None:
    directory, _ = finished_run
    for generation in (1, 2):
        samples, curation = (
            rows(directory, Table.SAMPLE, generation),
            rows(directory, Table.CURATION, generation),
        )
        assert (
            len(samples) == len(curation) == 15
        )  # 12 of 24 slots are to be filled, and the best 80 % are kept
        assert sum(row.fields["kept"] for row in curation) == 12
        kept = [row.fields["clip_score"] for row in curation if row.fields["kept"]]
        assert min(kept) >= max(row.fields["clip_score"] for row in curation if not row.fields["kept"])
        for sample in samples:
            assert {"prompt", "origin", "seed", "model", "slot", "made_in"} <= sample.fields.keys()
            assert sample.blob.startswith(b"\x89PNG")
        assert {sample.fields["origin"] for sample in samples} == {"captioner", "original"}
        assert len({sample.fields["model"] for sample in samples}) == 1


def test_generations_are_drawn_by_different_models(finished_run) -> None:
    directory, _ = finished_run
    models = [rows(directory, Table.SAMPLE, g)[0].fields["model"] for g in (1, 2)]
    assert models[0] != models[1]
    assert all((directory / "artifacts" / model).is_dir() for model in models)


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
    sources = [row.fields["source"] for row in rows(directory, Table.DATASET, 2)]
    share = sources.count("synthetic") / len(sources)
    if "compose.policy=replace" in overrides or "compose.alpha=[0.0, 1.0]" in overrides:
        assert share == 1
    elif "compose.policy=accumulate" in overrides:
        assert share == pytest.approx(2 / 3)
    else:
        assert 0 < share < 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "phase", ["compose", "evaluate", "generate"]
)  # the fault matrix has them all; these processes really die
def test_a_loop_killed_in_any_phase_ends_with_the_same_digest(
    tmp_path: Path, finished_run, phase: str
) -> None:
    # The n-th finishing of any phase: in generation 1 it is this phase's; the kill comes when all its work is
    # done and none of it is recorded.
    nth = len(phase_names(0, 2, 2)) + PHASE_NAMES.index(phase) + 1
    where = ["--name", "killed", "--runs-dir", str(tmp_path)]
    killed = loopsim("start", *small_arguments(), *where, fault=f"phase.finish:{nth}")
    assert killed.returncode == -9, killed.stderr
    state = run_state(tmp_path / "killed")
    assert state.next_phase == f"generation 1, {phase}"
    assert resume_run(tmp_path / "killed") == finished_run[1]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["train.step:8", "store.commit.after:15"])
def test_a_loop_killed_within_a_phase_ends_with_the_same_digest(
    tmp_path: Path, finished_run, fault: str
) -> None:
    where = ["--name", "killed", "--runs-dir", str(tmp_path)]
    killed = loopsim("start", *small_arguments("checkpoint_seconds=0.01"), *where, fault=fault)
    assert killed.returncode == -9, killed.stderr
    again = loopsim(
        "resume", "--runs-dir", str(tmp_path), fault="train.step:2"
    )  # and once more while it goes on
    assert again.returncode == -9, again.stderr
    assert _results(tmp_path / "killed", resume_run(tmp_path / "killed")) == _results(*finished_run)


def _results(directory: Path, digest: str) -> list[tuple[str, dict]]:
    """What a run found, without its config (the interval of checkpoints is part of that, and of nothing
    else).
    """
    assert verify_run(directory).digest == digest
    with Store(directory / "state.lmdb", readonly=True) as store:
        return [(raw_key.hex(), row.fields) for raw_key, row in store.scan(key(Table.PHASE))]


def test_resume_redoes_at_most_the_batch_under_way(tmp_path: Path, finished_run) -> None:
    class Died(BaseException):
        pass

    drawn: list[int] = []

    def die(point: str, n: int) -> None:
        drawn.append(point == "sample.batch")
        if (
            point == "sample.batch" and n == 4
        ):  # generation 0: three audit batches of 20 images, then the first of S_1
            raise Died

    faults.install(die)
    try:
        with pytest.raises(Died):
            start_run(tmp_path / "run", small_config())
    finally:
        faults.install(None)
    assert len(rows(tmp_path / "run", Table.SAMPLE, 1)) == 8
    faults.install(lambda point, n: drawn.append(point == "sample.batch"))
    drawn.clear()
    try:
        assert resume_run(tmp_path / "run") == finished_run[1]
    finally:
        faults.install(None)
    assert (
        sum(drawn) == 1 + 3 + 3 + 2 + 3
    )  # the rest of S_1, the audits of the replicate and of g = 1, S_2, the audit of g = 2


def test_an_extended_run_equals_one_that_was_planned_longer(tmp_path: Path, finished_run) -> None:
    start_run(tmp_path / "run", small_config("generations=1"))
    assert resume_run(tmp_path / "run", generations=2) == finished_run[1]


def test_a_baseline_alone_is_a_run(tmp_path: Path) -> None:
    start_run(tmp_path / "run", small_config("generations=0"))
    assert run_state(tmp_path / "run").finished
    assert summarize(tmp_path / "run").generations == [0]


def test_a_finished_phase_that_no_longer_matches_is_refused(tmp_path: Path, finished_run) -> None:
    shutil.copytree(finished_run[0], tmp_path / "run")
    with Store(tmp_path / "run" / "state.lmdb") as store:
        config = store.get(key(Table.META, "config"))
        assert config is not None
        changed = config.fields | {"clip": config.fields["clip"] | {"num_steps": 4}}
        store.write([(key(Table.META, "config"), Record(changed))])
    with pytest.raises(RunMismatch, match="phase train_clip of generation 0"):
        resume_run(tmp_path / "run")


def test_verify_names_what_is_damaged(tmp_path: Path, finished_run) -> None:
    shutil.copytree(finished_run[0], tmp_path / "run")
    assert verify_run(tmp_path / "run").digest == finished_run[1]
    weights = next((tmp_path / "run" / "artifacts").glob("*/open_clip_model.safetensors"))
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CorruptRun, match=weights.parent.name):
        verify_run(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    shutil.copytree(finished_run[0], tmp_path / "run")
    with Store(
        tmp_path / "run" / "state.lmdb"
    ) as store:  # a change with a valid checksum: only the seal can tell
        store.write([(key(Table.DATASET, 1, 0), Record({"source": "real", "key": "train/0/0"}))])
    with pytest.raises(CorruptRun, match="generation 1 was changed after it was sealed"):
        verify_run(tmp_path / "run")


def test_no_checkpoint_outlives_its_phase(finished_run) -> None:
    directory, _ = finished_run
    assert rows(directory, Table.CHECKPOINT) == []
    named = {name for row in rows(directory, Table.PHASE) for name in row.fields["artifacts"].values()}
    assert {path.name for path in (directory / "artifacts").iterdir()} == named


def test_the_digest_knows_nothing_of_names_and_times(finished_run) -> None:
    directory, _ = finished_run
    with Store(directory / "state.lmdb", readonly=True) as store:
        for raw_key, row in store.scan(b""):
            if not raw_key.startswith(b"attempt"):
                assert not re.search(
                    r'"(started|seconds|host|pid)"|' + re.escape(str(directory.parent)),
                    json.dumps(row.fields),
                )


def test_competing_candidates_share_a_slot_and_differ_in_their_seed() -> None:
    config = small_config("generate.curation=best_of_k", "generate.num_candidates=3")
    plan = plan_candidates(config, 0)
    assert len(plan) == 3 * 12
    assert len({candidate["seed"] for candidate in plan}) == len(plan)
    for group in range(12):
        mine = [candidate for candidate in plan if candidate["group"] == group]
        assert len(mine) == 3
        assert len({(candidate["slot"], candidate["origin"]) for candidate in mine}) == 1


def test_curation_keeps_the_best() -> None:
    scores, groups = np.array([0.1, 0.9, 0.5, 0.5]), [0, 0, 1, 1]
    share = small_config().generate
    assert [kept for kept, _ in curate(share, scores, groups, 2)] == [False, True, True, False]
    best = small_config("generate.curation=best_of_k").generate
    assert [kept for kept, _ in curate(best, scores, groups, 2)] == [False, True, True, False]
    assert all(kept for kept, _ in curate(small_config("generate.curation=none").generate, scores, groups, 4))
