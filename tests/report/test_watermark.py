"""Readings of marks, overall and by group."""

import numpy as np

from loopsim.report.watermark import readings


def test_a_picture_of_nobody_counts_overall_and_in_no_group() -> None:
    groups = [{"gender": "man"}, {"gender": ""}, {"gender": "woman"}]
    found = readings("marked", "", np.array([64, 64, 32]), groups, 64, 1)
    assert [(row.group, row.n) for row in found] == [("overall", 3), ("gender=man", 1), ("gender=woman", 1)]
