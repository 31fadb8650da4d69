"""Which trackers follow a loop. Where they send is theirs to know: from their own environment variables."""

from typing import Literal, final, get_args

from pydantic import PositiveInt, field_validator

from loopsim.config.base import Section

TrackerName = Literal["tensorboard", "wandb", "mlflow", "trackio"]
TRACKERS: tuple[TrackerName, ...] = get_args(TrackerName)


@final
class TrackersConfig(Section):
    """Which trackers follow a loop; none decides a bit of it, so a run may change them when it goes on.

    `use` names any of tensorboard, wandb, mlflow and trackio; `project` is what the last three group runs by;
    of a training every `every`-th step is told, and the last. No address stands here: a run that comes from
    somebody else cannot send yours anywhere. WANDB_MODE and MLFLOW_TRACKING_URI say where to, as everywhere;
    without them everything stays in the run's folder.
    """

    use: tuple[TrackerName, ...] = ()
    project: str = "loopsim"
    every: PositiveInt = 10

    @field_validator("use")
    @classmethod
    def _once_each(cls, value: tuple[TrackerName, ...]) -> tuple[TrackerName, ...]:
        return tuple(dict.fromkeys(value))
