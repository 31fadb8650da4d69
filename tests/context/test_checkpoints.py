"""Checkpoints of trainings under way."""

from tests.helpers.rows import artifacts_on_disk, named_artifacts, num_checkpoints


def test_no_checkpoint_outlives_its_phase(finished_run) -> None:
    directory, _ = finished_run
    assert num_checkpoints(directory) == 0
    assert artifacts_on_disk(directory) == named_artifacts(directory)
