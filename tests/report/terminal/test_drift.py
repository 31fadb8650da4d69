"""The drift report is readable at 80 columns, and says what it does not know."""

import pytest

from loopsim.export.table import table_of
from loopsim.report.headlines import is_headline
from loopsim.report.page.charts import VERDICTS
from loopsim.report.summary import DriftRow, Summary
from loopsim.report.terminal.drift import COLOURS, print_report, sparkline
from loopsim.store.rows import MetricRow
from tests.helpers.estimates import estimate
from tests.helpers.terminal import printed


def summary(*drifts: DriftRow) -> Summary:
    rows = [estimate(g, "recall@1", 0.2 + 0.1 * g) for g in range(3)]
    rows += [estimate(g, "recall@1", 0.1, "gender gap") for g in range(3)]
    rows += [estimate(g, "recall@1", 0.1, "gender=woman") for g in range(3)]
    rows += [estimate(g, "own_metric_of_a_package_with_a_long_name", None) for g in range(3)]
    return Summary("my [bold]run", [0, 1, 2], rows, list(drifts), "a credit line")


def flat(text: str) -> str:
    """A text as one line."""
    return " ".join(text.split())


def drifted(group: str, verdict: str, retraining: float | None) -> DriftRow:
    return DriftRow(2, "recall@1", group, 0.2, 0.1, 0.3, 0.001, retraining, verdict)


def test_a_report_opens_with_answers_and_shows_few_rows() -> None:
    found = summary(drifted("overall", "rose", None), drifted("gender gap", "no evidence", 0.5))
    text = printed(lambda console: print_report(console, found, everything=False))
    assert "Did bias grow? No evidence: none of 1 measures of bias moved" in text
    assert "Are models worse? No, better. Better: recall@1 .200 → .400 (Δ +.200 [+.100, +.300])" in flat(text)
    assert "Who is fading? Not measured yet" in text
    overall = next(line for line in text.splitlines() if line.startswith("  overall"))
    assert overall.split() == ["overall", "0.200", "0.400", "▁▅█", "+0.200", "[+0.100,+0.300]", "rose"]
    gap = next(line for line in text.splitlines() if line.startswith("  gender gap"))
    assert "~" in gap  # within what retraining does
    assert "not available: own_metric_of_a_package_with_a_long_name" in text
    assert "nobody was seen" in text
    assert "2 more rows: loopsim report 'my [bold]run' --all" in text
    assert "a credit line" in text
    assert "gender=woman" not in text


def test_a_report_is_readable_where_the_output_has_ascii_only() -> None:
    found = summary(drifted("overall", "rose", None))
    text = printed(lambda console: print_report(console, found, everything=False), "ascii")
    assert "delta: the mean of 1 and 2" in text
    assert "recall@1 .200 -> .400 (delta +.200" in flat(text)
    everything = printed(lambda console: print_report(console, found, everything=True), "ascii")
    assert "-> Of 1 rows 1 rose" in everything


def test_everything_shows_every_group_and_says_what_happened() -> None:
    found = summary(drifted("overall", "rose", None), drifted("gender gap", "no evidence", 0.5))
    text = printed(lambda console: print_report(console, found, everything=True))
    assert "gender=woman" in text
    assert "→ Of 2 rows 1 rose (recall@1 overall +0.200); no evidence for the rest." in text
    assert "more rows" not in text


def test_no_name_is_cut() -> None:
    group = "gender & skin_tone=woman & medium light"
    rows = [estimate(g, "share_of_the_training_pictures", 0.1, group) for g in range(2)]
    text = printed(
        lambda console: print_report(console, Summary("run", [0, 1], rows, [], None), everything=True)
    )
    assert group.replace(" ", "") in "".join(line[:28] for line in text.splitlines()).replace(" ", "")
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_nothing_measured_is_said() -> None:
    empty = Summary("run", [], [], [], None)
    assert "Nothing has been measured yet" in printed(lambda c: print_report(c, empty, everything=False))


@pytest.mark.parametrize(
    ("values", "blocks"),
    [([0.0, 1.0], "▁█"), ([1.0, 1.0], "▄▄"), ([None, 2.0, 4.0], "·▁█"), ([None], "·"), ([], "")],
)
def test_a_sparkline_has_a_block_a_generation(values: list[float | None], blocks: str) -> None:
    assert sparkline(values) == blocks


def test_of_a_packages_metric_the_overall_value_is_a_headline() -> None:
    assert is_headline("own_metric", "overall")
    assert not is_headline("own_metric", "gender gap")


def test_a_small_delta_with_a_verdict_is_no_zero() -> None:
    rows = [estimate(g, "recall@1", 0.2 + 0.0003 * g) for g in range(2)]
    moved = DriftRow(1, "recall@1", "overall", 0.0003, 0.0001, 0.0005, 0.001, None, "rose")
    text = printed(lambda c: print_report(c, Summary("run", [0, 1], rows, [moved], None), everything=False))
    row = next(line for line in text.splitlines() if line.startswith("recall@1"))
    assert "+3e-04" in row
    assert "+0.000" not in row


def test_a_bias_that_turned_is_named_and_counted() -> None:
    values = [estimate(g, "ieat", value, is_bias=True) for g, value in ((0, -0.5), (1, 0.1), (2, 0.5))]
    row = DriftRow(2, "ieat", "overall", 0.0, -0.1, 0.1, 0.001, None, "reversed", 0.002, is_bias=True)
    found = Summary("run", [0, 1, 2], values, [row], None)
    text = printed(lambda console: print_report(console, found, everything=False))
    assert "1 turned to the other side: iEAT -.500 → +.500" in flat(text)
    assert "Of 1 measures of bias 0 amplified, 0 mitigated, 1 reversed" in flat(text)
    line = next(line for line in text.splitlines() if line.startswith("ieat"))
    assert line.split()[1:3] == ["-0.50", "0.500"]
    assert line.rstrip().endswith("reversed")
    assert found.as_json()["drift"][0]["verdict"] == "reversed"
    assert table_of(found)[-1]["verdict"] == "reversed"
    everything = printed(lambda console: print_report(console, found, everything=True))
    assert "→ Of 1 rows 1 reversed" in everything


def test_terminal_and_page_have_a_colour_for_the_same_verdicts() -> None:
    assert set(COLOURS) == set(VERDICTS)


def shares(kind: str, women: float | None, attribute: str = "gender") -> list[MetricRow]:
    """What two generations show of who is in the data."""
    groups = [f"{attribute}=woman", f"{attribute}=man", f"{attribute} gap"]
    more = {"section": "data", "reason": "the classifier cannot tell these groups apart (worst row 0.41)"}
    return [
        estimate(g, f"dataset_share{kind}", women, group, **(more if women is None else {"section": "data"}))
        for g in range(2)
        for group in groups
    ]


@pytest.mark.parametrize("attribute", ["gender", "race"])
def test_who_is_in_the_data_is_never_left_out(attribute: str) -> None:
    """With no calibration, with a classifier that cannot be corrected, and with one that can."""
    raw = shares("", 0.4, attribute)
    moved = [
        DriftRow(1, row.metric, row.group, -0.1, -0.2, -0.01, 0.1, None, "no evidence")
        for row in raw
        if row.generation
    ]
    for corrected in ([], shares("_corrected", None, attribute), shares("_corrected", 0.3, attribute)):
        found = Summary("run", [0, 1], [*raw, *corrected], moved, None)
        short, everything = (
            printed(lambda c, found=found, all_=all_: print_report(c, found, everything=all_))
            for all_ in (False, True)
        )
        assert "Not measured yet: no share" not in flat(short)
        assert f"{attribute}=woman" in short
        assert "Who is in the data" in everything
        lines = [line.split()[0] for line in everything.splitlines() if line.strip()]
        assert "dataset_share" in lines
        assert ("dataset_share_corrected" in lines) == bool(corrected)  # beside the raw ones
        if corrected and corrected[0].value is None:
            said = f"It cannot be said of {attribute}: the classifier cannot tell these groups apart"
            assert said in flat(short)


def test_of_an_attribute_without_a_headline_of_its_own_every_share_is_one() -> None:
    assert is_headline("sample_share", "race=black")
    assert not is_headline("sample_share", "gender=man")  # women's says the same
    assert not is_headline("sample_share", "skin_type=dark")
    assert not is_headline("sample_share", "gender & race=man & black")
    assert is_headline("sample_unlabelled", "overall")
