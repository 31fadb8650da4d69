"""The field's remedies in a whole loop: of strength 0 they leave it bit for bit as it is, several select one
after the other, a loop that is killed ends the same, two processes plan what one plans, and every family that
can take them does.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from diffusers import StableDiffusion3Pipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file

from loopsim.config import Config, with_values
from loopsim.core.choices import Origin
from loopsim.core.errors import ConfigError, DataError
from loopsim.core.events import Event, PhaseEnded, PhaseStarted
from loopsim.interventions.base import Candidate, Intervention, Place
from loopsim.interventions.registry import INTERVENTIONS
from loopsim.loop import run_loop
from loopsim.runs.catalog import run_state
from loopsim.runs.fork import fork_run
from loopsim.runs.open import open_or_create
from loopsim.runs.resolve import resolve
from tests.helpers.checkpoints import TinyModels
from tests.helpers.command_line import in_two_processes
from tests.helpers.faults import on_faults, photographed
from tests.helpers.loops import resume_run, small_arguments, small_config, start_run, tiny_config
from tests.helpers.rows import artifact_of, curation_of, finished_phases, samples_of

SHORT = ["generations=1", "evaluate.num_replicates=1", 'evaluate.metrics=["representation"]']
NOTHING = [
    {"kind": "quota", "strength": 0.0, "target": "real"},
    {"kind": "verifier", "attributes": []},
    {"kind": "plural_curation", "num_candidates": 1},
    {"kind": "prompt_balancing", "share": 0.0, "target": "real"},
    {"kind": "neon", "w": 0.0},
    {"kind": "sims", "w": 0.0},
    {"kind": "uce", "step": 0.0},
    {"kind": "latent_direction", "omega": 0.0},
    {"kind": "inclusive", "weight": 0.0},
    {"kind": "diverse", "weight": 0.0},
    {"kind": "random_attribute", "share": 0.0},
    {"kind": "watermark", "share": 0.0},
    {"kind": "provenance", "signed": 0.0},
]
SOMETHING = [
    {"kind": "verifier", "overdraw": 1.2},
    {"kind": "plural_curation", "num_candidates": 2},
    {"kind": "quota", "attribute": ["gender", "skin_tone"], "target": "real", "overdraw": 1.5},
    {"kind": "prompt_balancing", "attribute": "skin_tone"},
    {"kind": "uce", "prompts": ["a photo of a cook"], "num_pictures": 2, "max_rounds": 1},
    {"kind": "sims", "num_pictures": 4, "num_steps": 2},
    {"kind": "latent_direction", "omega": 1.0, "num_pictures": 3},
    {"kind": "inclusive", "attributes": ["gender"], "num_pictures": 2, "num_steps": 1},
    {"kind": "diverse", "num_pictures": 4, "num_labelled": 12, "num_steps": 1},
    {"kind": "watermark", "share": 0.5},
]


TWO_GROUPS = ["man & darker", "woman & lighter"]


def config(*interventions: dict) -> Config:
    return with_values(small_config(*SHORT), {"interventions": list(interventions)})


@pytest.fixture(scope="module")
def acting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[tuple[str, str], Path]]:
    """A loop with all of them, its digest, and what is on disk where each of WRITES is reached last."""
    folder, where = tmp_path_factory.mktemp("acting"), [""]
    directory, images = folder / "run", dict[tuple[str, str], Path]()

    def follow(event: Event) -> None:
        if isinstance(event, PhaseStarted):
            where[0] = event.phase
        elif isinstance(event, PhaseEnded):
            where[0] = ""

    def note(point: str, n: int) -> None:
        if (where[0], point) in WRITES:
            images[where[0], point] = photographed(directory, folder / where[0] / point)

    with on_faults(note), open_or_create(directory, config(*SOMETHING), emit=follow) as run:
        run_loop(run)
        return directory, run.reader.digest(), images


@pytest.mark.slow
def test_strength_zero_is_bit_for_bit_the_loop_without(tmp_path: Path) -> None:
    start_run(tmp_path / "without", config())
    start_run(tmp_path / "with", config(*NOTHING))
    one, other = finished_phases(tmp_path / "without"), finished_phases(tmp_path / "with")
    assert {place: (row.artifacts, row.facts, row.seal) for place, row in one.items()} == {
        place: (row.artifacts, row.facts, row.seal) for place, row in other.items()
    }


@pytest.mark.slow
def test_each_chooses_among_what_the_one_before_it_left(acting) -> None:
    directory, _, _ = acting
    rows, curation = samples_of(directory, 1), curation_of(directory, 1)
    # 12 are kept of 18 (quota) of 18 prompts' 2 (plural) of 44 (verifier).
    assert len(rows) == 44
    assert [row.group for row in rows] == [i // 2 for i in range(44)]
    reasons = Counter(row.reason for row in curation)
    assert set(reasons) == {
        f"{word}chosen by {name}" for name in ("verifier", "plural_curation") for word in ("not ",)
    } | {"chosen by quota", "not chosen by quota"}
    kept = [row for row, ruled in zip(rows, curation, strict=True) if ruled.kept]
    assert len(kept) <= 12
    assert len({row.group for row in kept}) == len(kept)
    facts = finished_phases(directory)[0, "generate"].facts
    passed = 44 - reasons["not chosen by verifier"]
    assert facts["verifier[0].shortfall"] == max(0, 36 - passed)
    assert facts["quota[2].shortfall"] == 12 - len(kept)
    assert 0 <= facts["plural_curation[1].also_best_by_clip"] <= 1
    assert facts["prompt_balancing[3].written"] == sum(row.prompt != row.caption for row in rows) > 0
    learned = finished_phases(directory)[0, "prepare"]
    assert set(learned.artifacts) == {
        "quota[2]", "uce[4]", "sims[5]", "latent_direction[6]", "inclusive[7]", "diverse[8]",
    }  # fmt: skip
    shares = [value for name, value in learned.facts.items() if name.startswith("quota[2].real ")]
    assert sum(shares) == pytest.approx(1)


# Where the work of each is stored; what the store does with a write is tested with Neon (test_prepare.py).
WRITES = [
    ("prepare", "batch.before"),
    ("prepare", "sample.batch"),
    ("prepare", "checkpoint.after"),
    ("prepare", "artifact.write"),
    ("prepare", "phase.finish"),
    ("generate", "sample.batch"),
    ("generate", "phase.finish"),
]


@pytest.mark.slow
def test_killed_wherever_it_writes_it_ends_the_same(acting) -> None:
    _, digest, images = acting
    assert set(images) == set(WRITES)
    for place, image in images.items():
        assert resume_run(image) == digest, place


@pytest.mark.slow
def test_guidance_changes_in_its_generations_and_a_run_heals_by_a_schedule(tmp_path: Path) -> None:
    two = with_values(config(), {"generations": 2})
    schedule = {"kind": "guidance_schedule", "values": [1.0, 4.0, 8.0], "from": 2, "until": 2}
    start_run(tmp_path / "plain", two)
    start_run(tmp_path / "guided", with_values(two, {"interventions": [schedule]}))

    def pictures(name: str, generation: int) -> list[bytes]:
        return [row.picture for row in samples_of(tmp_path / name, generation)]

    assert pictures("guided", 1) == pictures("plain", 1)
    assert pictures("guided", 2) != pictures("plain", 2)
    start_run(
        tmp_path / "constant",
        with_values(two, {"interventions": [{"kind": "guidance_schedule", "values": [4.0], "from": 2}]}),
    )
    assert pictures("guided", 2) == pictures("constant", 2)  # the second value is generation 2's
    # Healing: the share of generated pictures goes down again, in a loop that began without it.
    fork_run(tmp_path / "plain", tmp_path / "healed", 2, ["compose.alpha=[0.5, 0.125]"])
    resume_run(tmp_path / "healed")
    shares = [
        finished_phases(tmp_path / "healed")[g, "compose"].facts["num_synthetic"] for g in range(3)
    ]  # fmt: skip
    assert shares == [0, 12, 3]
    assert pictures("healed", 1) == pictures("plain", 1)
    assert len(samples_of(tmp_path / "healed", 2)) < len(samples_of(tmp_path / "plain", 2))


@pytest.mark.slow
def test_two_processes_plan_what_one_plans(acting, tmp_path: Path) -> None:
    entries = ", ".join(
        "{" + ", ".join(f"{key}={_toml(value)}" for key, value in entry.items()) + "}" for entry in SOMETHING
    )
    small = small_arguments(*SHORT, f"interventions=[{entries}]")
    in_two_processes(tmp_path, "start", *small, "--name", "two")
    assert run_state(tmp_path / "two").finished

    def planned(directory: Path) -> list[tuple]:
        return [
            (row.index, row.seed, row.slot, row.group, row.origin)
            for row in samples_of(directory, 1)
        ]  # fmt: skip

    def written(directory: Path) -> list[tuple]:
        # What a captioner writes depends on its weights, which two processes train with other roundings.
        return [(row.caption, row.prompt) for row in samples_of(directory, 1) if row.origin == "original"]

    one, two = acting[0], tmp_path / "two"
    assert planned(two) == planned(one) != []
    assert [caption for caption, _ in written(two)] == [caption for caption, _ in written(one)]
    assert finished_phases(two)[0, "prepare"].facts.keys() == finished_phases(one)[0, "prepare"].facts.keys()


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


FAMILIES = {
    "sd": StableDiffusionPipeline,
    "sdxl": StableDiffusionXLPipeline,
    "sd3": StableDiffusion3Pipeline,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sd", "sdxl", "sd3"])
def test_every_family_takes_them_and_its_artifacts_load_in_plain_diffusers(
    kind: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    entries = [
        {"kind": "neon", "num_pictures": 2, "num_steps": 1},
        {"kind": "sims", "num_pictures": 2, "num_steps": 1},
        {"kind": "uce", "prompts": ["a photo of a cook"], "num_pictures": 2, "max_rounds": 1},
        {"kind": "plural_curation", "num_candidates": 2},
        {"kind": "guidance_schedule", "values": [3.0]},
        {"kind": "latent_direction", "omega": 1.0, "num_pictures": 2},
        {"kind": "watermark", "num_bits": 16},
        {
            "kind": "inclusive",
            "groups": ["man & darker", "woman & lighter"],
            "num_pictures": 2,
            "num_steps": 1,
        },
    ]
    of_family = with_values(
        tiny_config(tmp_path, tiny_models),
        {"generations": 1, "generator": {"checkpoint": str(tiny_models[kind])}, "interventions": entries},
    )
    if kind == "sd3":
        with pytest.raises(ConfigError, match=r"interventions\[2\] \(uce\): generator.family = 'sd3'"):
            resolve(of_family, tmp_path)
        entries = [entry for entry in entries if entry["kind"] != "uce"]
        of_family = with_values(of_family, {"interventions": entries})
    start_run(tmp_path / "run", of_family)
    assert run_state(tmp_path / "run").finished
    plain = FAMILIES[kind].from_pretrained(tiny_models[kind])
    for label in ("neon[0]", "sims[1]"):
        plain.load_lora_weights(artifact_of(tmp_path / "run", 0, "prepare", label), adapter_name=label[:4])
    number = len(entries) - 1
    groups = artifact_of(tmp_path / "run", 0, "prepare", f"inclusive[{number}]")
    for folder in sorted(groups.iterdir()):
        plain.load_lora_weights(folder, adapter_name=folder.name)
    assert len(list(groups.iterdir())) == 2
    denoiser = plain.transformer if kind == "sd3" else plain.unet
    assert any("lora" in name for name, _ in denoiser.named_parameters())
    if kind != "sd3":
        plain.unload_lora_weights()
        state = load_file(artifact_of(tmp_path / "run", 0, "prepare", "uce[2]") / "edited.safetensors")
        assert denoiser.load_state_dict(state, strict=False).unexpected_keys == []
        name, tensor = next(iter(state.items()))
        assert torch.equal(denoiser.state_dict()[name], tensor)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            {"kind": "quota", "attribute": "race"},
            ["interventions[0] (quota)", "does not know it; it knows gender"],
        ),
        ({"kind": "quota", "target": {"women": 1.0}}, ["'women': no group of gender", "it knows man, woman"]),
        ({"kind": "verifier", "attributes": ["race"]}, ["interventions[0] (verifier)", "'race'"]),
        ({"kind": "verifier", "attributes": ["profession"]}, ["how do prompts state it"]),
        ({"kind": "plural_curation", "attributes": ["mood"]}, ["(plural_curation)", "'mood'"]),
        ({"kind": "uce", "attribute": "race"}, ["(uce)", "'race'"]),
    ],
)
def test_what_cannot_be_done_here_is_told_before_anything_is_made(
    entry: dict, words: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        start_run(tmp_path / "runs" / "run", config(entry))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert not (tmp_path / "runs").exists()


class KeepsNothing(Intervention):
    name: ClassVar = "keeps_nothing"
    places: ClassVar = frozenset({Place.SELECT})

    def select(self, pool: Sequence[Candidate], num: int, rng: np.random.Generator) -> list[int]:
        return []


@pytest.mark.slow
def test_where_nothing_is_kept_real_pictures_stand_in_or_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(INTERVENTIONS._registered, "keeps_nothing", (KeepsNothing, Origin("test", "1")))
    none = config({"kind": "keeps_nothing"})
    start_run(tmp_path / "substitute", none)
    phases = finished_phases(tmp_path / "substitute")
    assert phases[0, "generate"].facts["keeps_nothing[0].shortfall"] == 12
    assert phases[1, "compose"].facts["num_real"] == 24
    with pytest.raises(DataError, match="generation 1 has nothing to train on: none of S_1's candidates"):
        start_run(tmp_path / "replace", with_values(none, {"compose": {"policy": "replace"}}))


def test_the_oracle_has_no_weights(tmp_path: Path) -> None:
    oracle = with_values(config({"kind": "sims"}), {"generate": {"generator": "oracle"}})
    with pytest.raises(ConfigError, match=r"interventions\[0\]\.kind = 'sims' .* 'oracle' has none"):
        resolve(oracle, tmp_path)
    resolve(with_values(oracle, {"interventions": [{"kind": "sims", "w": 0.0}]}), tmp_path)
