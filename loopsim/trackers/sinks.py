"""The trackers themselves: each is opened under the run's own name for it, takes entries, and is closed.

`send` returns when the entries are where a kill of this process leaves them, or soon will be (Weights &
Biases writes from a process of its own, twice a second).
"""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Final, final

from loopsim.trackers.entries import Entry

_PARAMETERS, _POINTS = 100, 1000  # that MLflow takes at once
_LONGEST_PARAMETER = 6000


@final
@dataclass(frozen=True)
class Followed:
    """The run that is followed: its name, the id by which trackers know it again, the folder of what they
    keep with it, the project that they group it under, and its config, key by key.
    """

    name: str
    id: str
    folder: Path
    project: str
    settings: Mapping[str, object]


class Sink(ABC):
    """Base of the trackers. Its constructor opens the tracker, or goes on with what it has of the run."""

    look: str
    """How to look at what it keeps."""

    @abstractmethod
    def send(self, entries: Sequence[Entry]) -> None:
        """Tell the tracker."""

    @abstractmethod
    def close(self, *, finished: bool) -> None:
        """Let the tracker go; the run has come to its end, or not yet."""


@final
class TensorBoard(Sink):
    """Event files in the run's folder: one more each time it goes on, which TensorBoard draws as one run."""

    def __init__(self, run: Followed) -> None:
        from torch.utils.tensorboard import SummaryWriter

        place = run.folder / "tensorboard"
        self._writer: Any = SummaryWriter(str(place))
        self.look = f"tensorboard --logdir {place}"

    def send(self, entries: Sequence[Entry]) -> None:
        """Write, and flush."""
        for entry in entries:
            self._writer.add_scalar(entry.curve, entry.value, entry.step)
        self._writer.flush()

    def close(self, *, finished: bool) -> None:
        """Close the file."""
        self._writer.close()


@final
class WandB(Sink):
    """Weights & Biases: in the run's folder, to be synced by hand, unless WANDB_MODE says otherwise."""

    def __init__(self, run: Followed) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # only what was asked for leaves the machine
        import wandb

        mode: Any = os.environ.get("WANDB_MODE", "offline")
        # A folder of its own each time: nothing that lies in a stranger's run is read as its settings, or
        # followed as its link.
        sessions = run.folder / "wandb"
        sessions.mkdir(parents=True, exist_ok=True)
        session = sessions / f"{len(list(sessions.iterdir())):03}"
        session.mkdir()
        settings = wandb.Settings(
            silent=True, console="off", disable_git=True, disable_code=True, x_disable_stats=True,
            x_save_requirements=False, x_transaction_log_flush_interval=0.5,
        )  # fmt: skip
        self._run = wandb.init(
            project=run.project, id=run.id, name=run.name, resume="allow", mode=mode, dir=session,
            config=dict(run.settings), settings=settings,
        )  # fmt: skip
        self._known: set[str] = set()
        synced = f"wandb sync {sessions}/*/wandb/offline-run-*"
        self.look = str(self._run.url) if mode == "online" else synced

    def send(self, entries: Sequence[Entry]) -> None:
        """Log what shares a step of an axis together."""
        for entry in entries:
            if entry.curve not in self._known:
                self._known.add(entry.curve)
                self._run.define_metric(entry.curve, step_metric=entry.axis)
        for (axis, step), points in groupby(entries, lambda entry: (entry.axis, entry.step)):
            self._run.log({axis: step} | {point.curve: point.value for point in points})

    def close(self, *, finished: bool) -> None:
        """Finish; a run that goes on later is resumed by its id."""
        self._run.finish(exit_code=0 if finished else 1)


@final
class MLflow(Sink):
    """MLflow: a database in the run's folder, unless MLFLOW_TRACKING_URI names a server."""

    _TAG: ClassVar = "loopsim.run"

    def __init__(self, run: Followed) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        run.folder.mkdir(exist_ok=True)
        own = f"sqlite:///{(run.folder / 'mlflow.db').absolute()}"
        address = os.environ.get("MLFLOW_TRACKING_URI", own)
        self._client, self._metric = MlflowClient(address), Metric
        experiment = self._client.get_experiment_by_name(run.project)
        number = (
            self._client.create_experiment(
                run.project, str((run.folder / "mlflow").absolute()) if address == own else None
            )
            if experiment is None
            else experiment.experiment_id
        )
        # It is found by a tag that was decided before it was made: a kill in between makes no second one.
        found = self._client.search_runs([number], f"tags.`{self._TAG}` = '{run.id}'", max_results=1)
        if found:
            self._id = found[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
        else:
            self._id = self._client.create_run(
                number, tags={self._TAG: run.id}, run_name=run.name
            ).info.run_id
            told = [Param(key, str(value)[:_LONGEST_PARAMETER]) for key, value in run.settings.items()]
            for first in range(0, len(told), _PARAMETERS):
                self._client.log_batch(self._id, params=told[first : first + _PARAMETERS])
        self.look = f"mlflow ui --backend-store-uri {address}"

    def send(self, entries: Sequence[Entry]) -> None:
        """Log all points, a thousand at once."""
        now = int(time.time() * 1000)
        points = [self._metric(entry.curve, entry.value, now, entry.step) for entry in entries]
        for first in range(0, len(points), _POINTS):
            self._client.log_batch(self._id, metrics=points[first : first + _POINTS])

    def close(self, *, finished: bool) -> None:
        """Mark the run finished, or stopped."""
        self._client.set_terminated(self._id, "FINISHED" if finished else "KILLED")


@final
class Trackio(Sink):
    """Trackio: where TRACKIO_DIR says, else in its own folder of the user's."""

    def __init__(self, run: Followed) -> None:
        import trackio

        self._run: Any = trackio.init(
            run.project, name=f"{run.name} {run.id[:8]}", config=dict(run.settings), resume="allow",
            embed=False, auto_log_gpu=False, auto_log_cpu=False,
        )  # fmt: skip
        self.look = f"trackio show --project {run.project}"

    def send(self, entries: Sequence[Entry]) -> None:
        """Log what shares a step together."""
        for step, points in groupby(entries, lambda entry: entry.step):
            self._run.log({point.curve: point.value for point in points}, step)

    def close(self, *, finished: bool) -> None:
        """Wait until all is written."""
        self._run.finish()


SINKS: Final[Mapping[str, Callable[[Followed], Sink]]] = {
    "tensorboard": TensorBoard,
    "wandb": WandB,
    "mlflow": MLflow,
    "trackio": Trackio,
}
