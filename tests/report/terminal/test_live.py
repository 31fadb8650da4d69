"""What is seen of a loop while it runs, through a pipe."""

import pytest

from loopsim.core.events import (
    CorpusRead,
    Event,
    ImagesDrawn,
    MetricMeasured,
    PhaseEnded,
    PhaseStarted,
    RunOpened,
    StepTrained,
    TrackerLost,
    TrackerOpened,
)
from loopsim.report.terminal.live import LiveProgress
from tests.helpers.terminal import printed

OPENED = RunOpened("runs/a", 1, 12, 0)
FINISHED = PhaseEnded(0, "train_clip", "finished", {"num_images": 200, "num_steps": 8}, 2.71)


def seen(*events: Event, brief: bool = False) -> str:
    def draw(console):
        with LiveProgress(console, brief=brief) as live:
            for event in events:
                live(event)

    return printed(draw)


def test_a_finished_phase_is_a_line() -> None:
    text = seen(
        CorpusRead("train", 100),
        OPENED,
        PhaseStarted(0, "train_clip"),
        StepTrained(0, "train_clip", 1, 8, 0.5),
        ImagesDrawn(0, "generate", 8, 20),
        MetricMeasured(0, "evaluate", "recall@1", None, None, None),
        FINISHED,
    )
    assert text == "g0 train_clip          2.7 s  images 200, steps 8\n"


@pytest.mark.parametrize("brief", [False, True])
def test_a_phase_that_stops_is_told_too(brief: bool) -> None:
    failed = PhaseEnded(1, "generate", "failed", {}, 3.0, "ValueError: [bold]no\x1b[31m\nmore of it")
    text = seen(OPENED, failed, PhaseEnded(1, "generate", "interrupted", {}, 4.0), brief=brief)
    first, second = text.splitlines()
    assert first == "g1 generate            3.0 s  failed: ValueError: [bold]no\ufffd[31m"
    assert second == "g1 generate            4.0 s  interrupted"


def test_brief_leaves_out_what_ends_well() -> None:
    assert seen(OPENED, FINISHED, brief=True) == ""


def test_facts_are_short() -> None:
    facts = {"recall@1": 0.53219, "gender_error": None, "num_metrics": 3}
    text = seen(OPENED, PhaseEnded(0, "evaluate", "finished", facts, 1.0))
    assert text.endswith("recall@1 0.532, gender error n/a, metrics 3\n")


def test_replicates_and_trackers_are_told_in_words() -> None:
    text = seen(
        OPENED,
        PhaseEnded(0, "train_clip#1", "finished", {}, 1.0),
        TrackerOpened("mlflow", "mlflow ui"),
        TrackerLost("mlflow", "no [red]route"),
    )
    first, *others = text.splitlines()
    assert first.startswith("g0 train_clip, again 1 ")
    assert others == ["mlflow follows: mlflow ui", "mlflow follows no more: no [red]route"]


def test_another_machine_is_warned_of() -> None:
    text = seen(RunOpened("runs/a", 1, 12, 4, ("versions: torch 2.1 -> 2.2 (bits may differ)",)))
    told = "not as in the last attempt: versions: torch 2.1 -> 2.2 (bits may differ)"
    assert told in text.replace("\n", " ")
