"""S_{g+1}: its lineage, and what is drawn once."""

from pathlib import Path

import pytest

from tests.helpers.loops import small_config, start_run
from tests.helpers.rows import curation_of, dataset_of, samples_of


def test_every_sample_keeps_its_lineage(finished_run) -> None:
    directory, _ = finished_run
    for generation in (1, 2):
        samples, curation = samples_of(directory, generation), curation_of(directory, generation)
        assert (
            len(samples) == len(curation) == 15
        )  # 12 of 24 slots are to be filled, and the best 80 % are kept
        assert sum(row.kept for row in curation) == 12
        kept = [row.clip_score for row in curation if row.kept]
        assert min(kept) >= max(row.clip_score for row in curation if not row.kept)
        for sample in samples:
            assert sample.prompt
            assert sample.seed >= 0
            assert 0 <= sample.slot < 24
            assert sample.made_in == generation - 1
            assert sample.picture.startswith(b"\x89PNG")
        assert {sample.origin for sample in samples} == {"captioner", "original"}
        assert len({sample.model for sample in samples}) == 1


def test_generations_are_drawn_by_different_models(finished_run) -> None:
    directory, _ = finished_run
    models = [samples_of(directory, g)[0].model for g in (1, 2)]
    assert models[0] != models[1]
    assert all((directory / "artifacts" / model).is_dir() for model in models)


SAME_SEEDS = [
    "finetune.num_steps=0", "generate.fresh_seeds=false", "generate.prompts=original",
    "generate.curation=none", "compose.alpha=[0.25, 0.5]",
    "evaluate.metrics=[]", "generate.batch_size=3",
]  # fmt: skip


def test_pictures_of_the_same_seed_prompt_and_model_are_drawn_once(tmp_path: Path) -> None:
    start_run(tmp_path / "run", small_config(*SAME_SEEDS))
    first, second = (samples_of(tmp_path / "run", generation) for generation in (1, 2))
    assert (len(first), len(second)) == (6, 12)
    assert [(row.picture, row.slot, row.prompt) for row in second[:6]] == [
        (row.picture, row.slot, row.prompt) for row in first
    ]
    assert len({row.picture for row in second}) == 12
    real = {g: {row.slot for row in dataset_of(tmp_path / "run", g) if row.is_real} for g in (1, 2)}
    assert real[2] < real[1]  # the replaced sets are nested


@pytest.mark.parametrize("generations", ["", ", from=2", ", until=1"])
def test_pictures_that_an_intervention_made_another_way_are_drawn_again(
    generations: str, tmp_path: Path
) -> None:
    shift = f'interventions=[{{kind="latent_offset", omega=3.0{generations}}}]'
    start_run(tmp_path / "run", small_config(*SAME_SEEDS, shift))
    start_run(tmp_path / "plain", small_config(*SAME_SEEDS))

    def are_as_plain(generation: int) -> set[bool]:
        pairs = zip(
            samples_of(tmp_path / "run", generation), samples_of(tmp_path / "plain", generation), strict=True
        )
        return {one.picture == other.picture for one, other in pairs}

    assert are_as_plain(1) == {generations == ", from=2"}
    assert are_as_plain(2) == {generations == ", until=1"}
