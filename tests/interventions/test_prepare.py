"""What interventions learn in a phase of its own: seen by what stands on it, resumed after a kill, forked,
repaired.
"""

import json
import shutil
from pathlib import Path

import pytest

from loopsim.config import Config, with_values
from loopsim.core.errors import ConfigError
from loopsim.core.events import Event, PhaseEnded, PhaseStarted
from loopsim.costs.plan import plan, rows_of
from loopsim.loop import run_loop
from loopsim.report.summary import summarize
from loopsim.report.terminal.interventions import print_interventions
from loopsim.runs.catalog import run_state
from loopsim.runs.fork import fork_run
from loopsim.runs.open import open_or_create
from loopsim.runs.resolve import read_config
from loopsim.runs.retention import plan_collection_of
from loopsim.runs.verify import repair_run, verify_run
from loopsim.store.keys import Table, encode_key
from loopsim.store.rows import CheckpointRow, PreparedRow
from loopsim.store.store import Store
from tests.helpers.command_line import in_two_processes
from tests.helpers.faults import on_faults, photographed
from tests.helpers.loops import resume_run, small_arguments, small_config, start_run
from tests.helpers.rows import finished_phases, samples_of
from tests.helpers.terminal import printed

NEON = {"kind": "neon", "num_pictures": 4, "num_steps": 3, "w": 0.5}
TWO = [NEON, NEON | {"from": 2}]
SHORT = ["generations=1"]  # for those that run many
FAST = ["generations=2", "evaluate.num_replicates=1", 'evaluate.metrics=["representation"]']


def config(*interventions: dict, more: list[str] | None = None) -> Config:
    return with_values(small_config(*FAST, *(more or [])), {"interventions": list(interventions)})


def pictures(directory: Path, generation: int) -> list[bytes]:
    return [row.picture for row in samples_of(directory, generation)]


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("without") / "run"
    return directory, start_run(directory, config())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("whole") / "run"
    return directory, start_run(directory, config(*TWO))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Path]]:
    """The digest of a loop with two that learn, and what is on disk where each fault point is reached last
    while they do so: the second is at work then, and the first has left its checkpoint.
    """
    folder, images, where = tmp_path_factory.mktemp("short"), dict[str, Path](), [""]
    directory = folder / "run"

    def follow(event: Event) -> None:
        if isinstance(event, PhaseStarted):
            where[0] = f"{event.generation}{event.phase}"
        elif isinstance(event, PhaseEnded):
            where[0] = ""

    def note(point: str, n: int) -> None:
        if where[0] == "0prepare":
            images[point] = photographed(directory, folder / "images" / point)

    with on_faults(note), open_or_create(directory, config(NEON, NEON, more=SHORT), emit=follow) as run:
        run_loop(run)
        return run.reader.digest(), images


def test_each_acts_in_its_generations_only(without, whole) -> None:
    directory = whole[0]
    phases = finished_phases(directory)
    assert {place for place in phases if place[1] == "prepare"} == {(0, "prepare"), (1, "prepare")}
    assert list(phases[0, "prepare"].artifacts) == ["neon[0]"]
    assert list(phases[1, "prepare"].artifacts) == ["neon[0]", "neon[1]"]
    assert phases[0, "prepare"].facts == {"neon[0].num_pictures": 4}
    with Store(directory / "state.lmdb", readonly=True) as store:
        keys = [row.key for row in store.scan(PreparedRow)]
        assert store.count(CheckpointRow) == 0
    assert keys == [(1, 0, i) for i in range(4)] + [(2, n, i) for n in (0, 1) for i in range(4)]
    assert pictures(directory, 1) != pictures(without[0], 1)
    assert run_state(directory).finished
    assert verify_run(directory).num_artifacts > 0


def test_the_report_tells_what_each_did(without, whole) -> None:
    first, second = summarize(whole[0]).interventions
    assert (first.label, first.first, first.last) == ("neon[0]", 1, None)
    assert first.facts == {"num_pictures": {1: 4, 2: 4}}
    assert (second.label, second.first) == ("neon[1]", 2)
    assert second.facts == {"num_pictures": {2: 4}}
    assert second.settings == {"num_pictures": 4, "num_steps": 3, "w": 0.5}
    text = printed(lambda screen: print_interventions(screen, [first, second]))
    assert "neon[0], in every generation" in text
    assert "neon[1], from generation 2 on" in text
    assert max(map(len, text.splitlines())) <= 80
    assert printed(lambda screen: print_interventions(screen, summarize(without[0]).interventions)) == ""
    assert json.loads(json.dumps(summarize(whole[0]).as_json()))["interventions"][1]["from"] == 2


@pytest.mark.slow
def test_strength_zero_learns_nothing_and_changes_nothing(without, tmp_path: Path) -> None:
    assert start_run(tmp_path / "run", config(NEON | {"w": 0.0})) != ""
    one, other = finished_phases(without[0]), finished_phases(tmp_path / "run")
    assert {place: (row.artifacts, row.facts, row.seal) for place, row in one.items()} == {
        place: (row.artifacts, row.facts, row.seal) for place, row in other.items()
    }


@pytest.mark.slow
def test_killed_wherever_it_writes_it_ends_the_same(short) -> None:
    digest, images = short
    assert {"sample.batch", "train.step", "checkpoint.after", "artifact.write", "phase.finish"} <= set(images)
    for point, image in sorted(images.items()):
        assert resume_run(image) == digest, point


@pytest.mark.slow
def test_a_fork_may_add_one_and_leave_it_out_again(without, whole, tmp_path: Path) -> None:
    overrides = ['interventions=[{kind="neon", num_pictures=4, num_steps=3, w=0.5}]']
    with_one = tmp_path / "with-one"
    fork_run(without[0], with_one, 2, overrides)
    resume_run(with_one)
    assert {place for place in finished_phases(with_one) if place[1] == "prepare"} == {(1, "prepare")}
    assert pictures(with_one, 1) == pictures(without[0], 1)
    assert pictures(with_one, 2) != pictures(without[0], 2)
    assert run_state(with_one).finished
    verify_run(with_one)
    again = tmp_path / "again"
    fork_run(whole[0], again, 2, ["interventions=[]"])
    resume_run(again)
    assert {place for place in finished_phases(again) if place[1] == "prepare"} == {(0, "prepare")}
    assert pictures(again, 1) == pictures(whole[0], 1)
    verify_run(again)
    assert plan_collection_of(again) == []  # nothing was taken along of what is not shared


@pytest.mark.slow
def test_what_was_learned_is_learned_again_after_a_repair(whole, tmp_path: Path) -> None:
    place = tmp_path / "run"
    shutil.copytree(whole[0], place)
    with Store(place / "state.lmdb") as store:
        store.drop([encode_key(Table.PREPARED, 2, 0, 1)])
    repaired = repair_run(place)
    assert "generation 2 was changed after it was sealed" in repaired.problems
    assert (1, "prepare") in repaired.redo
    assert resume_run(place) == whole[1]
    artifact = finished_phases(place)[0, "prepare"].artifacts["neon[0]"]
    shutil.rmtree(place / "artifacts" / artifact)
    assert (0, "prepare") in repair_run(place).redo
    assert resume_run(place) == whole[1]


@pytest.mark.slow
def test_two_processes_draw_what_one_draws_to_learn_from(tmp_path: Path) -> None:
    overrides = [*FAST, *SHORT, 'interventions=[{kind="neon", num_pictures=10, num_steps=3, w=0.5}]']
    start_run(tmp_path / "one", small_config(*overrides))
    in_two_processes(tmp_path, "start", *small_arguments(*overrides), "--name", "two")

    def drawn(run: str) -> list[tuple]:
        with Store(tmp_path / run / "state.lmdb", readonly=True) as store:
            return [(row.key, row.prompt, row.seed) for row in store.scan(PreparedRow)]

    assert drawn("two") == drawn("one")
    assert len(drawn("two")) == 10
    assert run_state(tmp_path / "two").finished
    verify_run(tmp_path / "two")


def test_a_plan_says_what_it_does_not_count(tmp_path: Path) -> None:
    counted, not_counted = (
        rows_of(plan(config(*entries), tmp_path, "cpu", 1e12), every=False)[1] for entries in ([], TWO)
    )
    assert [note for note in not_counted if note not in counted] == [
        "not counted: what neon[0], neon[1] draw and train before they act"
    ]


def test_the_oracle_has_nothing_to_change() -> None:
    oracle = 'generate.generator="oracle"'
    for entry in ('{kind="neon"}', '{kind="latent_offset", omega=1.0}'):
        with pytest.raises(ConfigError, match=r"interventions\[0\]\.kind = .* 'oracle' has none"):
            read_config("tiny", [oracle, f"interventions=[{entry}]"])
    assert read_config("tiny", [oracle, 'interventions=[{kind="quota"}]']).interventions


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('{kind="neon", from=3, until=2}', ["until = 2 is before from = 3"]),
        ('{kind="neon", from=0}', ["interventions", "from"]),
        ('{kind="neon", w=-1.0}', ["interventions[0].w"]),
        ('{kind="neon", w=nan}', ["w = nan"]),
    ],
)
def test_bad_settings_are_told_at_once(entry: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config("tiny", [f"interventions=[{entry}]"])
    assert all(word in str(caught.value) for word in words), str(caught.value)
