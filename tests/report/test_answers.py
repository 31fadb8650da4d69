"""The ten-second answer says what the rows hold, in words, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopsim.report.answers import Moved, answers, answers_of
from loopsim.report.plain_words import group_in_words, number, row_in_words, signed, words_of
from loopsim.report.summary import DriftRow, Summary
from loopsim.report.trajectories import Lost
from tests.helpers.estimates import estimate


def moved(metric: str, group: str, delta: float, verdict: str = "no evidence", **more: object) -> Moved:
    """A row that moved by `delta` from .5, with an interval of ± .02."""
    fields: dict = {"is_bias": "gap" in group, "section": "clip"}
    return Moved(
        metric, group, 0.5, 0.5 + delta, delta, delta - 0.02, delta + 0.02, verdict, **(fields | more)
    )


def test_bias_that_grew_is_named_with_its_clearest_row() -> None:
    rows = [
        moved("recall@1", "gender gap", 0.05, "amplified"),
        moved("gender_error", "skin_tone gap", 0.2, "amplified"),
        moved("sample_sharpness", "gender gap", 0.9, "amplified"),  # an artefact, no bias between people
        moved("cider_d", "gender gap", 0.0),
    ]
    bias = answers(rows)[0]
    assert bias.says == "worse"
    assert bias.text == (
        "Yes, in 2 of 3 measures of bias; none shrank. Grew most clearly: wrong gender in captions: gap "
        "between skin tones .500 → .700 (Δ +.200 [+.180, +.220])."
    )
    both = answers([*rows, moved("ieat", "overall", -0.1, "mitigated", is_bias=True)])[0]
    assert both.says == "mixed"
    assert "2 of 4 measures of bias grew, 1 shrank" in both.text


def turned(metric: str, first: float, last: float) -> Moved:
    """A bias that went to the other side of zero."""
    delta = abs(last) - abs(first)
    return Moved(metric, "overall", first, last, delta, -0.1, 0.1, "reversed", is_bias=True, section="clip")


def test_a_bias_that_turned_to_the_other_side_is_named() -> None:
    still, row = moved("cider_d", "gender gap", 0.0), turned("ieat", -0.5, 0.5)
    bias = answers([still, row])[0]
    assert (bias.says, bias.evidence) == ("mixed", (row,))
    assert bias.text == (
        "Not in size, as far as is seen: none of 2 measures of bias grew or shrank. "
        "1 turned to the other side: iEAT -.500 → +.500."
    )
    assert row.is_better is None
    grew = answers([moved("recall@1", "gender gap", 0.05, "amplified"), row])[0]
    assert grew.says == "worse"
    assert "1 turned to the other side" in grew.text
    assert answers([moved("recall@1", "gender gap", -0.05, "mitigated"), row])[0].says == "mixed"


def test_a_group_that_fades_is_named_and_who_grows() -> None:
    rows = [
        moved("dataset_share_corrected", "skin_tone=darker", -0.045, "fell"),
        moved("dataset_share_corrected", "skin_tone=lighter", 0.045, "rose"),
        moved("dataset_share_corrected", "gender=woman & skin_tone=darker", -0.3, "fell"),
        moved("sample_share", "gender=woman", -0.4, "fell"),
    ]
    fading = answers(rows)[1]
    assert fading.says == "worse"
    assert fading.text == (
        "Of the training pictures: darker skin .500 → .455 (Δ -.045 [-.065, -.025]). Growing: lighter skin."
    )


TROUBLE = "the classifier cannot tell these groups apart (worst row 0.41)"


def uncorrected(*attributes: str) -> dict[tuple[str, str], str]:
    """Rows of corrected shares that have no value."""
    return {("dataset_share_corrected", f"{attribute} gap"): TROUBLE for attribute in attributes}


def test_where_shares_cannot_be_corrected_it_cannot_be_said_and_what_was_seen_stands_beside_it() -> None:
    rows = [
        moved("dataset_share", "gender=woman", -0.2, "fell"),
        moved("dataset_share", "gender=man", 0.2, "rose"),
        moved("sample_share_corrected", "gender=woman", -0.1, "fell"),
    ]
    fading = answers(rows, uncorrected("gender"))[1]
    assert fading.says == "not measured"
    assert fading.text == (
        f"It cannot be said of gender: {TROUBLE}; as it sees the training pictures, women .500 → .300 "
        "(Δ -.200 [-.220, -.180])."
    )
    assert [row.group for row in fading.evidence] == ["gender=woman"]  # so that the report shows it
    nothing = answers([], uncorrected("gender"))[1]
    assert nothing.text == f"It cannot be said of gender: {TROUBLE}."


def test_a_bias_of_shares_that_cannot_be_corrected_says_so() -> None:
    rows = [moved("dataset_share", "gender tv", 0.2, "amplified", is_bias=True)]
    certain, seen = answers(rows)[0], answers(rows, uncorrected("gender"))[0]
    assert seen.text == f"{certain.text} (These shares are not corrected: {TROUBLE}.)"
    assert answers(rows, uncorrected("skin_tone"))[0] == certain


def test_one_attribute_may_be_told_and_another_not() -> None:
    rows = [
        moved("dataset_share_corrected", "gender=woman", -0.05, "fell"),
        moved("dataset_share", "gender=woman", -0.01),
        moved("dataset_share", "skin_tone=darker", -0.03),
    ]
    fading = answers(rows, uncorrected("skin_tone"))[1]
    assert fading.says == "worse"
    assert fading.text == (
        "Of the training pictures: women .500 → .450 (Δ -.050 [-.070, -.030]). It cannot be said of skin "
        f"tone: {TROUBLE}; as it sees the training pictures, darker skin .500 → .470 (Δ -.030 [-.050, "
        "-.010])."
    )
    assert {row.metric for row in fading.evidence} == {"dataset_share_corrected", "dataset_share"}


def test_shares_of_a_classifier_that_was_never_compared_are_told_with_that() -> None:
    rows = [moved("dataset_share", "race=white", -0.05, "fell"), moved("dataset_share", "race=black", 0.05)]
    fading = answers(rows)[1]
    assert fading.says == "worse"
    assert fading.text == (
        "Of the training pictures: race white .500 → .450 (Δ -.050 [-.070, -.030]). (As the classifier sees "
        "them: how often it errs is not known.)"
    )


def test_how_many_pictures_have_no_label_is_told() -> None:
    rows = [
        moved("dataset_share_corrected", "gender=woman", -0.05),
        moved("dataset_unlabelled", "overall", -0.1),
    ]
    assert answers(rows)[1].text.endswith("(.400 of the training pictures have no label, and do not count.)")
    none = [rows[0], moved("dataset_unlabelled", "overall", -0.5)]
    assert "no label" not in answers(none)[1].text


def test_a_run_tells_why_its_shares_have_no_value() -> None:
    rows = [estimate(g, "dataset_share", 0.5 - 0.1 * g, "gender=woman") for g in range(2)]
    rows += [
        estimate(g, "dataset_share_corrected", None, group, reason=TROUBLE)
        for g in range(2)
        for group in ("gender=woman", "gender gap")
    ]
    drift = DriftRow(1, "dataset_share", "gender=woman", -0.1, -0.2, 0.0, 0.1, None, "no evidence")
    fading = answers_of(Summary("run", [0, 1], rows, [drift], None))[1]
    assert fading.text.startswith(
        f"It cannot be said of gender: {TROUBLE}; as it sees the training pictures,"
    )
    at_first = Summary("run", [0], [row for row in rows if row.generation == 0], [], None)
    assert answers_of(at_first)[1].text == "Not measured yet: no share of a group has a later value."


def test_without_a_verdict_nothing_is_claimed_and_what_nearly_was_is_explained() -> None:
    rows = [moved("dataset_share", "gender=woman", -0.03), moved("recall@1", "overall", -0.001)]
    bias, fading, models, pictures = answers(rows)
    assert bias.says == pictures.says == "not measured"
    assert fading.says == models.says == "no evidence"
    assert "does not survive the correction" in fading.text
    assert "correction" not in models.text


def test_of_a_model_that_was_trained_once_nothing_is_claimed() -> None:
    rows = [moved("recall@1", "overall", -0.2, "unknown"), moved("recall@1", "gender gap", 0.2, "unknown")]
    bias, _, models, _ = answers(rows)
    assert bias.says == models.says == "not measured"
    assert models.text.startswith("Cannot be said: recall@1 .500 → .300")
    assert "retraining noise unknown" in bias.text
    assert "retraining noise unknown" in models.text
    some = answers([*rows, moved("sample_share", "gender gap", 0.1, "amplified")])[0]
    assert some.text.startswith("Yes, in 1 of 1 measures of bias")
    assert "Of 1 more it cannot be said" in some.text


def test_what_moves_without_being_far_yet_is_said() -> None:
    rows = [moved("recall@1", "gender gap", 0.01, trend="rising"), moved("ndkl", "gender gap", 0.0)]
    bias = answers(rows)[0]
    assert bias.says == "mixed"
    assert "moving: recall@1: gap between genders .500 → .510 (Δ +.010 [-.010, +.030], rising)" in bias.text


def test_a_group_that_cannot_be_measured_any_more_is_lost() -> None:
    lost = [Lost(5, "recall@1", "race=Black", 0.4, 1, "fewer than 2 items")]
    fading = answers([moved("dataset_share", "gender=woman", 0.0)], lost=lost)[1]
    assert fading.says == "worse"
    assert fading.text.startswith("Lost: race Black cannot be measured any more (fewer than 2 items). ")
    assert answers([], lost=lost)[1].says == "worse"


@pytest.mark.parametrize(
    ("metric", "delta", "verdict", "says"),
    [
        ("sample_fd_clip", 0.1, "rose", "worse"),
        ("sample_fd_clip", -0.1, "fell", "better"),
        ("sample_recall", -0.1, "fell", "worse"),
        ("sample_recall", -0.1, "no evidence", "no evidence"),
    ],
)
def test_which_way_is_better_is_the_metrics_own(metric: str, delta: float, verdict: str, says: str) -> None:
    assert answers([moved(metric, "overall", delta, verdict)])[3].says == says


@given(
    st.lists(
        st.builds(
            moved,
            st.sampled_from(["recall@1", "cider_d", "dataset_share", "sample_recall", "own"]),
            st.sampled_from(["overall", "gender gap", "gender=woman", "race=Black & gender=man"]),
            st.floats(-1, 1),
            st.sampled_from(["amplified", "mitigated", "reversed", "rose", "fell", "no evidence", "unknown"]),
        )
    )
)
def test_any_rows_have_four_answers_that_rest_on_them(rows: list[Moved]) -> None:
    found = answers(rows)
    assert len(found) == 4
    for answer in found:
        assert set(answer.evidence) <= set(rows)
        assert "  " not in answer.text
        assert answer.text.rstrip(")").endswith(".")


def test_words() -> None:
    assert group_in_words("gender=woman & skin_tone=darker") == "women & darker skin"
    assert group_in_words("race=Black") == "race Black"
    assert row_in_words("recall@1", "skin_tone gap") == "recall@1: gap between skin tones"
    assert words_of("a_packages.own_metric").name == "a packages: own metric"
    assert [number(v) for v in (0.0712, -0.5, 12.345, 1234.5, 0.0, -0.0001, 2.4e-7)] == [
        ".071", "-.500", "12.3", "1,234", "0", "-.0001", "2e-07",
    ]  # fmt: skip
    assert signed(0.0712) == "+.071"
