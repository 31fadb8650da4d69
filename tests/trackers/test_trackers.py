"""Trackers follow a loop: one run each, no step twice, whatever is killed."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loopsim.api import resume
from loopsim.core.errors import ConfigError, CorruptRun
from loopsim.core.events import TrackerLost
from loopsim.loop import run_loop
from loopsim.runs.open import open_or_create
from loopsim.store.rows import MetricRow, PhaseRow
from loopsim.store.store import Store
from loopsim.store.tracking_rows import TrackedRow, TrackersRow
from loopsim.trackers import tracking
from loopsim.trackers.entries import Entry, results_of, training_entry
from loopsim.trackers.sinks import Followed, Sink
from tests.helpers.command_line import in_runs, loopsim, loopsim_here
from tests.helpers.damage import copy_of
from tests.helpers.loops import resume_run, settings_of, small_arguments, small_config, start_run

Point = tuple[str, int]


class Kept(Sink):
    """A tracker that keeps what it is told, beyond any kill."""

    def __init__(self, run: Followed) -> None:
        run.folder.mkdir(exist_ok=True)
        self._file = (run.folder / "kept.jsonl").open("a")
        self.look = "cat kept.jsonl"

    def send(self, entries: list[Entry]) -> None:  # type: ignore[override]
        for entry in entries:
            self._file.write(json.dumps([entry.curve, entry.step, entry.value]) + "\n")
        self._file.flush()

    def close(self, *, finished: bool) -> None:
        self._file.close()


def tensorboard_points(run: Path) -> tuple[int, list[Point]]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = []
    for path in sorted((run / "trackers" / "tensorboard").iterdir()):
        for event in EventFileLoader(str(path)).Load():
            found += [(value.tag, event.step) for value in event.summary.value]
    return 1, found  # a folder is a run


def logged_records(data: bytes) -> Iterator[bytes]:
    """The whole records of an offline file: a log as LevelDB writes it, in blocks of 32 KiB, after seven
    bytes of its own.
    """
    place, whole = 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # no header fits into what is left of the block
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        if kind == 0 or place + 7 + length > len(data):
            return  # cut by a kill
        whole = (b"" if kind in (1, 2) else whole) + data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield whole


def wandb_points(run: Path) -> tuple[int, list[Point]]:
    from wandb.proto.wandb_internal_pb2 import Record

    found, ids = [], set()
    for path in sorted((run / "trackers" / "wandb").glob("*/wandb/offline-run-*/*.wandb")):
        ids.add(path.stem)
        for data in logged_records(path.read_bytes()):
            history = Record.FromString(data).history
            items = {
                "/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in history.item
            }
            if not items:
                continue
            axis = next(name for name in items if name == "generation" or name.endswith("/step"))
            found += [(name, items[axis]) for name in items if name != axis and not name.startswith("_")]
    return len(ids), found


def mlflow_points(run: Path) -> tuple[int, list[Point]]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{run / 'trackers' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("loopsim")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    found = [
        (name, point.step)
        for one in runs
        for name in one.data.metrics
        for point in client.get_metric_history(one.info.run_id, name)
    ]
    return len(runs), found


READERS: dict[str, Callable[[Path], tuple[int, list[Point]]]] = {
    "tensorboard": tensorboard_points,
    "wandb": wandb_points,
    "mlflow": mlflow_points,
}


def wanted_points(run: Path) -> set[Point]:
    """What a loop has to tell that nobody interrupts: every result, and the last step of every training."""
    with Store(run / "state.lmdb", readonly=True) as store:
        return {(e.curve, e.step) for row in store.scan(PhaseRow) for e in results_of(store, row)}


def kill_when(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    for _ in range(1200):
        if ready() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_a_killed_and_resumed_loop_is_one_run_in_each_tracker_with_no_step_twice(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard"), pytest.importorskip("wandb"), pytest.importorskip("mlflow")
    run = tmp_path / "run"
    trackers = ['trackers.use=["tensorboard", "wandb", "mlflow"]', "trackers.every=1"]
    command = ["start", *small_arguments("generations=1", *trackers), "--name", "run", *in_runs(tmp_path)]

    def told(phase: str) -> bool:
        try:
            with Store(run / "state.lmdb", readonly=True) as store:
                return any(row.phase == phase for row in store.scan(TrackedRow, "mlflow"))
        except Exception:
            return False

    for phase in ("train_clip", "evaluate"):
        process = subprocess.Popen(
            [sys.executable, "-m", "loopsim", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        kill_when(process, lambda phase=phase: told(phase))
        command = ["resume", "run", *in_runs(tmp_path)]
    done = loopsim(*command)
    assert done.returncode == 0, done.stderr
    assert "tensorboard follows: tensorboard --logdir" in done.stdout
    for name, points_of in READERS.items():
        num_runs, points = points_of(run)
        assert num_runs == 1, name
        assert [point for point, times in Counter(points).items() if times > 1] == [], name
        assert {("train_clip/loss", 6), ("finetune/loss", 3)} <= set(points), name
        missing = wanted_points(run) - set(points)
        assert {step for _, step in missing} <= {0}, "only what was on its way at a kill is lost"
    assert loopsim("verify", "run", *in_runs(tmp_path)).returncode == 0


def test_trackio_goes_on_in_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trackio")
    code = (
        "import sys; from pathlib import Path\n"
        "from loopsim.trackers.sinks import Followed, Trackio\n"
        "from loopsim.trackers.entries import Entry\n"
        "sink = Trackio(Followed('run', '0' * 32, Path('x'), 'loopsim', {'seed': 0}))\n"
        "sink.send([Entry('a/loss', 'a/step', int(sys.argv[1]), 0.5)]); sink.close(finished=True)\n"
    )
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    for step in ("1", "2"):
        done = subprocess.run([sys.executable, "-c", code, step], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    read = (
        "from trackio.sqlite_storage import SQLiteStorage as S\n"
        "[name] = S.get_runs('loopsim')\n"
        "print(name, sorted(p['step'] for p in S.get_logs('loopsim', name)))"
    )
    found = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True)
    assert found.stdout.splitlines()[-1:] == ["run 00000000 [1, 2]"], found.stderr[-500:]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "SINKS", {"tensorboard": Kept})


def points_kept(run: Path) -> list[Point]:
    lines = (run / "trackers" / "kept.jsonl").read_text().splitlines()
    return [(curve, step) for curve, step, _ in map(json.loads, lines)]


@pytest.mark.slow
@pytest.mark.usefixtures("kept")
def test_trackers_change_no_bit_and_may_begin_after_the_loop_did(tmp_path: Path) -> None:
    plain = start_run(tmp_path / "plain", small_config("generations=1"))
    config = small_config("generations=1", 'trackers.use=["tensorboard"]', "trackers.every=2")
    assert start_run(tmp_path / "run", config) == plain
    points = points_kept(tmp_path / "run")
    assert max(Counter(points).values()) == 1
    assert wanted_points(tmp_path / "run") <= set(points)
    losses = [step for curve, step in points if curve == "train_clip/loss"]
    assert losses == [2, 3, 5, 6]  # every second of three steps, and the last; of two generations
    again = loopsim_here("resume", "plain", "--set", 'trackers.use=["tensorboard"]', *in_runs(tmp_path))
    assert again.returncode == 0, again.stderr
    late = points_kept(tmp_path / "plain")
    assert set(late) == wanted_points(tmp_path / "plain"), "results are told, trainings are over"
    assert loopsim_here("resume", "plain", *in_runs(tmp_path)).returncode == 0
    assert points_kept(tmp_path / "plain") == late
    assert resume_run(tmp_path / "plain") == plain


@pytest.mark.usefixtures("kept")
def test_a_fork_is_another_run_to_its_trackers(tmp_path: Path, finished_run: tuple[Path, str]) -> None:
    source = finished_run[0]
    use = ["--set", 'trackers.use=["tensorboard"]']
    for name in ("one", "two"):
        done = loopsim_here("fork", str(source), "--at", "1", "--name", name, *use, *in_runs(tmp_path))
        assert done.returncode == 0, done.stderr
    ids = []
    for name in ("one", "two"):
        with Store(tmp_path / name / "state.lmdb", readonly=True) as store:
            row = store.get(TrackersRow)
            assert row is not None
            ids.append(row.id)
            assert not store.count(TrackedRow)
    assert len(set(ids)) == 2


@pytest.mark.usefixtures("kept")
def test_a_tracker_that_fails_stops_no_loop(
    tmp_path: Path, clean: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Kept, entries: list[Entry]) -> None:
        raise ConnectionError("no route to\nanywhere")

    monkeypatch.setattr(Kept, "send", fails)
    heard: list[object] = []
    run = copy_of(clean, tmp_path)
    with open_or_create(run, trackers=['trackers.use=["tensorboard"]'], emit=heard.append) as opened:
        run_loop(opened)
    lost = [event for event in heard if isinstance(event, TrackerLost)]
    assert lost == [TrackerLost("tensorboard", "ConnectionError: no route to")]


@pytest.mark.usefixtures("kept")
def test_what_a_stranger_put_into_a_run_is_refused(tmp_path: Path, clean: tuple[Path, str]) -> None:
    run = copy_of(clean, tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (run / "trackers").symlink_to(tmp_path / "elsewhere")
    with (
        open_or_create(run, trackers=['trackers.use=["tensorboard"]']) as opened,
        pytest.raises(CorruptRun, match=r"trackers is a link"),
    ):
        run_loop(opened)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_only_trackers_may_change_and_unknown_ones_are_named(tmp_path: Path, clean: tuple[Path, str]) -> None:
    run = copy_of(clean, tmp_path)
    where = in_runs(tmp_path)
    other = loopsim_here("resume", run.name, "--set", "clip.num_steps=9", *where)
    assert other.returncode == 2
    assert "only trackers.* may change" in other.stderr
    unknown = loopsim_here("resume", run.name, "--set", 'trackers.use=["tensorbord"]', *where)
    assert unknown.returncode == 2
    assert "trackers.use" in unknown.stderr
    assert "tensorboard" in unknown.stderr
    address = loopsim_here("start", "tiny", *settings_of("trackers.mlflow_uri='http://x'"), *where)
    assert address.returncode == 2


def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "trackio" else found(name, *rest)
    )
    done = loopsim_here("start", "tiny", *settings_of('trackers.use=["trackio"]'), *in_runs(tmp_path))
    assert done.returncode == 2
    assert "pip install 'loopsim[trackio]'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_names_of_curves_suit_every_tracker_and_stay_apart(tmp_path: Path) -> None:
    groups = ["overall", "gender=woman", "../../x", "a/b", "a:b", "=cmd()", "x" * 400, "", "护士"]
    with Store(tmp_path / "s", create=True) as store:
        rows = [
            MetricRow(
                generation=1,
                metric="m",
                group=group,
                section="data",
                value=i / 10,
                low=None,
                high=None,
                n=5,
                is_bias=False,
                reason=None,
                baseline=0,
                has_model=False,
            )
            for i, group in enumerate(groups)
        ]
        store.write(rows)
        facts = {"kept": 3, "bad": float("nan"), "t": "x"}
        found = results_of(store, PhaseRow(1, "evaluate", "f", {}, {}, facts, None))
    names = [entry.curve for entry in found]
    assert "evaluate/kept" in names
    assert "data/m/gender:woman" in names
    assert len(names) == len(set(names)) == len(groups) + 1
    for name in names:
        assert os.path.normpath(name) == name
        assert len(name) <= 250
    assert training_entry("finetune#1/man", 3, 0.5).curve == "finetune replicate 1 man/loss"


@pytest.mark.slow
def test_from_python_a_resume_names_who_follows(clean: tuple[Path, str], tmp_path: Path) -> None:
    run = copy_of(clean, tmp_path)
    resume(run, generations=3, trackers={"use": ["tensorboard"]})
    assert tensorboard_points(run)[1]
    with pytest.raises(ConfigError, match="trackers"):
        resume(run, trackers={"us": ["tensorboard"]})
