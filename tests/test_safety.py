"""Nothing is lost: kills at every persistent write, storage that fails, bytes that flip, two writers,
signals, forks, and old weights that go.
"""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import checkpoints
import corpora
import lmdb
import pytest
import torch
from conftest import loopsim, resume_run, small_arguments, start_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_families import tree

from loopsim.config import Config, config_from_tree, override_config
from loopsim.context import context
from loopsim.context.phase import Silent
from loopsim.core import faults
from loopsim.core.distributed import World
from loopsim.core.errors import (
    ConfigError,
    CorruptRun,
    DiskFull,
    LoopsimError,
    RunExists,
    RunHeld,
    RunMismatch,
    RunVanished,
    StorageFailed,
    storage_error,
)
from loopsim.core.interrupt import Interrupt
from loopsim.core.reproducibility import make_reproducible
from loopsim.models.library_messages import quiet
from loopsim.phases import phases_of
from loopsim.report.compare import compare_runs
from loopsim.report.summary import run_state, summarize
from loopsim.runs.environment import environment, what_changed
from loopsim.runs.fork import fork_run
from loopsim.runs.lock import RunLock
from loopsim.runs.retention import kept_generations
from loopsim.runs.run import Run, collect_run, finished_phases
from loopsim.runs.verify import plan_repair, repair_run, verify_run
from loopsim.store.keys import SHAPES, Table, key, parts_of, readable
from loopsim.store.store import Record, Store
from loopsim.studies.add_metrics import add_metrics

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A loop of two generations in which every part is as small as it can be."""
    root = tmp_path_factory.mktemp("tiny")
    models = {
        "sd": checkpoints.stable_diffusion(root / "sd"),
        "vit": checkpoints.clip(root / "vit"),
        "gpt2": checkpoints.gpt2(root / "gpt2"),
    }
    sections = {
        "evaluate": {"metrics": ["recall"], "num_resamples": 2, "num_replicates": 1, "num_audit_images": 0},
        "clip": {"num_steps": 2, "batch_size": 4},
        "captioner": {"num_steps": 1},
        "finetune": {"num_steps": 2, "batch_size": 2},
        "generate": {"num_steps": 1, "batch_size": 4, "prompts": "original"},
        "classifier": {"calibration": "none"},
    }
    found = tree(corpora.folder(root / "own", 10), models, **sections) | {
        "generations": 2,
        "checkpoint_seconds": 1e-6,
    }
    found["data"]["manifest"] = str(root / "manifest.sqlite")  # the same one for every copy of a run
    return config_from_tree(found, "tiny")


@pytest.fixture(scope="module")
def clean(tiny: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The tiny loop, undisturbed."""
    directory = tmp_path_factory.mktemp("clean") / "run"
    return directory, start_run(directory, tiny)


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# Kills


def finish(image: Path, config: str) -> tuple[bool, str]:
    """Bring what a kill left to its end, in a process with one thread; return whether a run was there yet,
    and its digest.
    """
    quiet()
    make_reproducible(1)
    with Store(image / "state.lmdb", readonly=True) as store:
        was_made = store.get(key(Table.META, "config")) is not None
    if not was_made:  # before its first row there is no run: it is started again
        shutil.rmtree(image)
    digest = resume_run(image) if was_made else start_run(image, Config.model_validate_json(config))
    shutil.rmtree(image)
    return was_made, digest


@pytest.mark.slow
def test_the_fault_matrix(tiny: Config, tmp_path: Path, one_thread: None) -> None:
    """What a kill at each hit of each fault point leaves on disk resumes to the digest of an undisturbed run.

    The run directory is copied at each hit: LMDB's pages reach its file at commit only, so a copy is what a
    killed process leaves.
    """
    images: list[tuple[str, int, Path]] = []
    directory = tmp_path / "runs" / "run"

    def photograph(point: str, n: int) -> None:
        image = tmp_path / "images" / f"{len(images):04d}" / "run"
        shutil.copytree(directory, image, ignore=shutil.ignore_patterns("lock.mdb", "lock"))
        images.append((point, n, image))

    faults.install(photograph)
    try:
        digest = start_run(directory, tiny)
    finally:
        faults.install(None)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        ends = list(
            pool.map(finish, [image for _, _, image in images], [tiny.model_dump_json()] * len(images))
        )
    different = [(point, n) for (point, n, _), (_, end) in zip(images, ends, strict=True) if end != digest]
    unmade = sum(not was_made for was_made, _ in ends)
    points = Counter(point for point, _, _ in images)
    print(f"{len(images)} pairs of point and hit over {len(points)} points: {dict(points)}")
    assert different == []
    assert len(images) > 200
    assert unmade <= 2
    assert {
        "store.commit.before",
        "store.commit.after",
        "artifact.rename.before",
        "artifact.rename.after",
        "train.step",
        "sample.batch",
    } <= set(points)
    assert {
        "artifact.fsync.before",
        "artifact.fsync.after",
        "artifact.durable",
        "checkpoint.before",
        "checkpoint.after",
        "phase.finish",
    } <= set(points)


@pytest.mark.slow
def test_torture_kills_and_finds_no_difference(tmp_path: Path) -> None:
    settings_ = [word for value in small_arguments("generations=1")[1:] for word in [value]]
    done = loopsim("torture", "tiny", "--kills", "2", *settings_, "--runs-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "2 kills, 0 different digests" in done.stdout


# Storage that fails


@pytest.mark.parametrize(
    ("point", "code"),
    [
        ("artifact.write", "EIO"),
        ("artifact.fsync.before", "EIO"),
        ("artifact.rename.before", "EROFS"),
        ("store.commit.before", "ENOSPC"),
    ],
)
def test_a_write_that_fails_is_one_message_and_a_resume(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path, point: str, code: str
) -> None:
    faults.install(faults.fault_of(f"{point}:5:{code}"))
    try:
        with pytest.raises((DiskFull, StorageFailed), match=r"loopsim resume run"):
            start_run(tmp_path / "run", tiny)
    finally:
        faults.install(None)
    assert resume_run(tmp_path / "run") == clean[1]


def test_the_command_line_tells_of_a_full_disk(tmp_path: Path) -> None:
    arguments = [*small_arguments("generations=0"), "--name", "full", "--runs-dir", str(tmp_path)]
    full = loopsim("start", *arguments, fault="artifact.write:2:ENOSPC")
    assert full.returncode == 7
    assert "the disk is full; make room, then `loopsim resume full`" in full.stderr
    assert "Traceback" not in full.stderr


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/proc/mounts").exists(),
    reason="mounting a small file system needs root on Linux",
)
def test_a_small_file_system_fills_and_the_run_goes_on_with_more_room(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path
) -> None:
    place = tmp_path / "small"
    place.mkdir()
    if (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", place], capture_output=True
        ).returncode
        != 0
    ):
        pytest.skip("this machine does not let tests mount")
    try:
        with pytest.raises(DiskFull, match=r"the disk is full; make room, then `loopsim resume run`"):
            start_run(place / "run", tiny)
        subprocess.run(["mount", "-o", "remount,size=200m", place], check=True)
        assert resume_run(place / "run") == clean[1]
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        with pytest.raises((StorageFailed, OSError), match=r"Read-only|cannot be written"):
            resume_run(place / "run", generations=3)
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def test_a_map_that_is_full_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loopsim.store.store._MAP_SIZE", 1 << 20)
    with Store(tmp_path / "state.lmdb", create=True) as store:
        for i in range(40):
            store.write([(key(Table.SAMPLE, 1, i), Record({"i": i}, bytes(100_000)))])
        assert store.count(key(Table.SAMPLE)) == 40


def test_a_run_that_vanishes_is_not_written_on_into_nothing(tiny: Config, tmp_path: Path) -> None:
    def remove(point: str, n: int) -> None:
        if point == "train.step" and n == 3:
            shutil.rmtree(tmp_path / "run")

    faults.install(remove)
    try:
        with pytest.raises(RunVanished, match="vanished while the run was open"):
            start_run(tmp_path / "run", tiny)
    finally:
        faults.install(None)


def test_what_the_file_system_says_becomes_the_way_out() -> None:
    kinds = {
        errno.ENOSPC: DiskFull,
        errno.EDQUOT: DiskFull,
        errno.EROFS: StorageFailed,
        errno.EACCES: StorageFailed,
        errno.ENOENT: RunVanished,
    }
    for number, kind in kinds.items():
        assert isinstance(storage_error(OSError(number, os.strerror(number)), "x", "r"), kind)
    assert isinstance(
        storage_error(RuntimeError("I/O error: No space left on device (os error 28)"), "x", "r"), DiskFull
    )


# Damage


def copy_of(clean: tuple[Path, str], tmp_path: Path) -> Path:
    shutil.copytree(clean[0], tmp_path / "run")
    return tmp_path / "run"


def flip_row(directory: Path, raw_key: bytes, position: int) -> None:
    """Change one byte of a value in LMDB, past all checks."""
    with (
        lmdb.open(str(directory / "state.lmdb"), map_size=1 << 30) as env,
        env.begin(write=True) as transaction,
    ):
        value = bytearray(transaction.get(raw_key))
        value[position % len(value)] ^= 1 << (position % 8)
        transaction.put(raw_key, bytes(value))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.integers(0, 10**6), position=st.integers(0, 10**6))
def test_any_flipped_byte_of_a_row_is_found_and_repaired(
    clean: tuple[Path, str], tmp_path_factory, choice: int, position: int
) -> None:
    directory = copy_of(clean, tmp_path_factory.mktemp("flipped"))
    with Store(directory / "state.lmdb", readonly=True) as store:
        keys = [k for k in store.keys(b"") if not k.startswith(b"meta")]
    chosen = keys[choice % len(keys)]
    flip_row(directory, chosen, position)
    with pytest.raises(CorruptRun, match=r"row .*(damaged|schema)") as caught:
        verify_run(directory)
    assert readable(chosen) in str(caught.value)
    repair_run(directory)
    assert resume_run(directory) == clean[1]
    assert verify_run(directory).digest == clean[1]


def test_any_flipped_byte_of_an_artifact_is_found_named_and_repaired(
    clean: tuple[Path, str], tmp_path: Path
) -> None:
    directory = copy_of(clean, tmp_path)
    with Store(directory / "state.lmdb", readonly=True) as store:
        name = finished_phases(store)[1, "train_clip"]["artifacts"]["clip"]
    weights = directory / "artifacts" / name / "open_clip_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 3] ^= 16
    weights.write_bytes(data)
    with pytest.raises(
        CorruptRun,
        match=r"generation 1, train_clip, clip: artifact .* is damaged: open_clip_model\.safetensors",
    ):
        verify_run(directory)
    planned = plan_repair(directory)
    assert planned.redo[0] == (1, "train_clip")
    assert (2, "commit") in planned.redo
    assert (1, "compose") not in planned.redo
    repair_run(directory)
    assert resume_run(directory) == clean[1]


def test_resume_finds_damage_in_what_it_is_about_to_use(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path
) -> None:
    start_run(tmp_path / "run", override_config(tiny, ["generations=1"]))
    with Store(tmp_path / "run/state.lmdb", readonly=True) as store:
        name = finished_phases(store)[0, "finetune"]["artifacts"]["generator"]
    weights = next((tmp_path / "run/artifacts" / name).glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    context._sound.clear()  # as in a new process
    with pytest.raises(CorruptRun, match=r"generation 0, finetune, generator.*loopsim repair run"):
        resume_run(tmp_path / "run", generations=2)
    repair_run(tmp_path / "run")
    assert resume_run(tmp_path / "run") == clean[1]


def test_a_damaged_config_cannot_be_repaired(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    flip_row(directory, key(Table.META, "config"), 40)
    with pytest.raises(CorruptRun, match="cannot be repaired"):
        plan_repair(directory)


def test_the_repair_command_says_what_it_will_redo_and_asks(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    flip_row(directory, key(Table.DATASET, 2, 0), 30)
    where = [str(directory), "--runs-dir", str(tmp_path)]
    asked = loopsim("repair", *where, input="n\n")
    assert "g2 compose" in asked.stdout
    assert "nothing was changed" in asked.stdout
    assert loopsim("repair", *where, "--yes").returncode == 0
    assert resume_run(directory) == clean[1]
    assert plan_repair(directory).problems == []


@given(
    st.sampled_from(sorted(SHAPES)),
    st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=3),
    st.lists(st.text("ab =&é", max_size=9), min_size=3, max_size=3),
)
def test_keys_are_read_back_as_they_were_made(table: Table, numbers: list[int], texts: list[str]) -> None:
    parts = [numbers[i] if kind == "i" else texts[i] for i, kind in enumerate(SHAPES[table])]
    assert parts_of(key(table, *parts)) == parts


# Garbage and retention


def test_gc_frees_what_no_row_names(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    for name in ("tmp-left", "0123456789abcdef"):
        (directory / "artifacts" / name).mkdir()
        (directory / "artifacts" / name / "file").write_bytes(bytes(5000))
    done = loopsim("gc", str(directory), "--runs-dir", str(tmp_path))
    assert "tmp-left: 5 kB, left by a killed write" in done.stdout
    assert "0123456789abcdef: 5 kB, no row names it" in done.stdout
    assert verify_run(directory).digest == clean[1]
    with RunLock(directory):
        assert collect_run(directory) == []


def test_old_weights_go_by_policy_and_the_run_goes_on(tiny: Config, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    start_run(directory, override_config(tiny, ["keep=last"]))
    with Store(directory / "state.lmdb", readonly=True) as store:
        phases = finished_phases(store)
        released = {tuple(parts_of(raw_key)) for raw_key in store.keys(key(Table.RELEASED))}
    assert released == {(0, "train_clip"), (0, "train_captioner"), (0, "finetune")}
    on_disk = {path.name for path in (directory / "artifacts").iterdir()}
    assert on_disk == {
        name for (g, _), fields in phases.items() if g > 0 for name in fields["artifacts"].values()
    }
    verify_run(directory)
    extended = resume_run(directory, generations=3)
    assert extended == start_run(tmp_path / "longer", override_config(tiny, ["keep=last", "generations=3"]))
    shutil.rmtree(tmp_path / "longer")
    with (
        Interrupt() as interrupt,
        Run.open(directory, world=World(), phases=phases_of, progress=Silent(), interrupt=interrupt) as run,
        pytest.raises(CorruptRun, match=r"weights of .* of generation 0 were let go \(keep = 'last'\)"),
    ):
        add_metrics(run, ["caption_quality"], None)


def test_a_policy_never_takes_what_the_loop_needs_next(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    start_run(directory, override_config(tiny, ["keep=last"]))
    with Store(directory / "state.lmdb", readonly=True) as store:
        phases = finished_phases(store)
    with Store(clean[0] / "state.lmdb", readonly=True) as store:
        expected = finished_phases(store)
    assert {place: fields["artifacts"] for place, fields in phases.items()} == {
        place: fields["artifacts"] for place, fields in expected.items()
    }


def test_policies() -> None:
    assert kept_generations("all", 3, 5) == {0, 1, 2, 3, 4, 5}
    assert kept_generations("last", 3, 5) == {2, 3, 4, 5}
    assert kept_generations("every:3", 5, 6) == {0, 3, 4, 5, 6}


# One writer


def test_of_two_resumes_exactly_one_goes_on(tiny: Config, tmp_path: Path) -> None:
    where = ["--name", "held", "--runs-dir", str(tmp_path)]
    killed = loopsim("start", *small_arguments("generations=0"), *where, fault="phase.finish:2")
    assert killed.returncode == -9
    command = [sys.executable, "-m", "loopsim", "resume", "held", "--runs-dir", str(tmp_path)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    ended = [(process.communicate(timeout=200), process.returncode) for process in both]
    codes = sorted(code for _, code in ended)
    assert codes == [0, 5], ended
    loser = next(err for (_, err), code in ended if code == 5)
    assert "is held by process" in loser


def test_a_stale_lock_holds_nobody_up(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    (directory / "lock").write_text(
        json.dumps({"pid": os.getpid(), "host": "elsewhere"})
    )  # left by a kill; the pid lives, as another's
    assert resume_run(directory) == clean[1]
    with RunLock(directory), pytest.raises(RunHeld, match=str(os.getpid())):
        RunLock(directory)


# Signals


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_before_preemption_saves_and_stops(tmp_path: Path, number: signal.Signals) -> None:
    arguments = [
        *small_arguments("generations=1", "clip.num_steps=4000"),
        "--name",
        "run",
        "--runs-dir",
        str(tmp_path),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "loopsim", "start", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(tmp_path / "run", 1)
    time.sleep(2)
    process.send_signal(number)
    start = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert time.monotonic() - start < 30
    assert "loopsim resume run" in err
    with Store(tmp_path / "run/state.lmdb", readonly=True) as store:
        assert store.count(key(Table.CHECKPOINT)) == 1


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    code = (
        "import os, signal, time\nfrom loopsim.core.interrupt import Interrupt\nwith Interrupt():\n    "
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    code += (
        "    print('once', flush=True)\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(5)\n    "
        "print('never')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (130, "once\n")
    assert "resume" in done.stderr


def wait_for(directory: Path, num_phases: int) -> None:
    for _ in range(600):
        try:
            with Store(directory / "state.lmdb", readonly=True) as store:
                if store.count(key(Table.PHASE)) >= num_phases:
                    return
        except LoopsimError:
            pass  # there is no run yet
        time.sleep(0.1)
    raise AssertionError("the loop did not start")


# Forks and comparisons


def test_a_fork_without_a_change_ends_as_its_origin(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path
) -> None:
    fork_run(clean[0], tmp_path / "branch", 1, [])
    linked = next((tmp_path / "branch/artifacts").rglob("*.safetensors"))
    assert linked.stat().st_nlink > 1  # shared, not copied
    resume_run(tmp_path / "branch")
    found = compare_runs([clean[0], tmp_path / "branch"])
    assert (found.settings, found.parting) == ({}, None)
    assert verify_run(tmp_path / "branch").num_seals == 3


def test_a_fork_parts_where_it_was_told_to(clean: tuple[Path, str], tmp_path: Path) -> None:
    fork_run(clean[0], tmp_path / "branch", 2, ["compose.alpha=1.0", "generations=3", "clip.num_steps=1"])
    resume_run(tmp_path / "branch")
    found = compare_runs([clean[0], tmp_path / "branch"])
    assert found.settings["compose.alpha"] == [0.5, 1.0]
    assert found.parting == (1, "generate")  # S_2 is drawn anew: it belongs to generation 2
    assert found.generation == 2
    assert run_state(tmp_path / "branch").finished
    assert summarize(tmp_path / "branch").generations == [0, 1, 2, 3]
    again = tmp_path / "again"
    fork_run(tmp_path / "branch", again, 3, ["compose.alpha=0.0"])  # a fork of a fork remembers both
    resume_run(again)
    assert compare_runs([tmp_path / "branch", again]).parting == (2, "generate")
    done = loopsim("compare", str(clean[0]), str(tmp_path / "branch"))
    assert "the same until generation 1, generate" in done.stdout.replace("\n", " ")


def test_a_fork_may_not_bend_the_ruler(clean: tuple[Path, str], tmp_path: Path) -> None:
    for override in ("seed=3", "evaluate.num_resamples=7", "data.holdout=0.3"):
        with pytest.raises(ConfigError, match="a fork may not change"):
            fork_run(clean[0], tmp_path / "branch", 1, [override])
    with pytest.raises(RunMismatch, match="generation 3 is not finished"):
        fork_run(clean[0], tmp_path / "branch", 4, [])
    assert not (tmp_path / "branch").exists()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    with pytest.raises(RunExists):
        fork_run(clean[0], tmp_path / "taken", 1, [])


# Machines and versions


def test_a_resume_on_another_machine_says_so() -> None:
    here = environment()
    there = here | {"num_threads": 99, "versions": here["versions"] | {"torch": "1.0"}}
    assert what_changed(there, here) == [
        f"num_threads 99 -> {here['num_threads']}",
        f"torch 1.0 -> {here['versions']['torch']}",
    ]
    assert what_changed(here, here) == []


def test_a_store_from_the_future_is_refused(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    with (
        lmdb.open(str(directory / "state.lmdb"), map_size=1 << 30) as env,
        env.begin(write=True) as transaction,
    ):
        for raw_key, value in list(transaction.cursor()):
            transaction.put(raw_key, bytes([99]) + value[1:])
    with pytest.raises(CorruptRun, match=r"schema version 99"):
        resume_run(directory)


def test_todays_store_is_read_for_ever(tmp_path: Path) -> None:
    """The fixture was written by schema version 2 (an oracle loop of one generation); every later version
    must read it, or migrate it.
    """
    shutil.copytree(FIXTURES / "store-v2", tmp_path / "store-v2")
    expected = json.loads((FIXTURES / "store-v2.json").read_text())
    assert run_state(tmp_path / "store-v2").finished
    with Store(tmp_path / "store-v2/state.lmdb", readonly=True) as store:
        assert store.digest() == expected["digest"]
    found = {
        f"{row.metric} {row.group} {row.generation}": row.value
        for row in summarize(tmp_path / "store-v2").metrics
    }
    assert found == pytest.approx(expected["metrics"])
