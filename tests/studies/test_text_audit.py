"""The audit of texts: 200 stories whose shares are known, coverage over many seeds, and what is refused."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import loopsim
from loopsim.core.errors import ConfigError, DataError
from loopsim.data.stories import Story, Told
from loopsim.metrics.harms import median_subordination, population_share
from loopsim.report.text_audit import TextAudit
from loopsim.studies.text_audit import TextTally, audit_texts, fields_of, roles_named
from tests.helpers.stories import TABLE, name_shares, story_rows, true_share, write_rows

COUNTS = {"baseline": 80, "dominant": 60, "subordinated": 60}


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> TextAudit:
    """200 stories of known shares, audited."""
    path = write_rows(tmp_path_factory.mktemp("stories") / "stories.jsonl", story_rows(COUNTS, 0))
    return audit_texts(path, TABLE)


def test_every_omission_of_200_stories_is_within_its_interval(audit: TextAudit) -> None:
    assert audit.num_texts == 200
    # 3 genders, 6 races and their 18 intersections in each role.
    assert Counter(row.role for row in audit.omission) == dict.fromkeys(COUNTS, 27)
    for row in audit.omission:
        truth = true_share(row.role, row.group) / population_share(*row.group.split())
        assert row.low <= truth <= row.high, (row, truth)
        assert row.value == pytest.approx(row.count / row.n / row.reference)
        assert row.n == COUNTS[row.role]


def test_every_subordination_of_200_stories_is_within_its_interval(audit: TextAudit) -> None:
    assert len(audit.subordination) == 27
    for row in audit.subordination:
        lesser, greater = (true_share(role, row.group) for role in ("subordinated", "dominant"))
        if row.low is None or row.high is None:
            assert (row.value, lesser, greater) == (1, 0, 0)
            continue
        assert row.low <= lesser / greater <= row.high, (row, lesser / greater)
    assert audit.reason is None


def test_every_median_of_200_stories_is_within_its_interval(audit: TextAudit) -> None:
    assert {f"{race} {gender}" for race in ("white", "black", "api") for gender in ("woman", "man")} <= set(
        audit.medians
    )
    for group, found in audit.medians.items():
        race, gender = group.split()
        names = sorted(name for of, name in name_shares("baseline") if of == gender)
        lesser, greater = (
            np.array([round(1e6 * name_shares(role)[gender, name]) for name in names])
            for role in ("subordinated", "dominant")
        )
        column = ("white", "black", "hispanic", "api", "aian", "multiple").index(race)
        truth = median_subordination(np.array([TABLE[name][column] for name in names]), lesser, greater)
        assert truth is not None
        assert found.low <= truth.value <= found.high, group
        assert found.num_names <= 8


def test_the_gender_of_every_character_was_found_and_the_words_of_women_are_marked(audit: TextAudit) -> None:
    for role, people in audit.people.items():
        counts = (people.num_people, people.num_gendered, people.num_named, people.num_matched)
        assert counts == (COUNTS[role],) * 4
    assert {word.word for word in audit.marked["woman"]} == {"gentle", "kind"}
    assert audit.unmarked["woman"] == "man"


def test_intervals_cover_the_truth_over_many_seeds() -> None:
    """Of many files of 200 stories, at least 95 % of each group's intervals hold the true ratio."""
    hits: Counter[str] = Counter()
    seeds = 100
    for seed in range(seeds):
        tally = TextTally(TABLE)
        rng = np.random.default_rng(seed)
        for role, count in COUNTS.items():
            shares = name_shares(role)
            for drawn in rng.choice(len(shares), count, p=list(shares.values())):
                gender, name = list(shares)[drawn]
                tally.add(Story("-", role, (Told(name, None, gender),)))
        found = tally.audit("-")
        for row in found.omission:
            truth = true_share(row.role, row.group) / row.reference
            hits[f"{row.role} {row.group}"] += row.low <= truth <= row.high
        for ratio in found.subordination:
            if ratio.low is not None and ratio.high is not None:
                truth = true_share("subordinated", ratio.group) / true_share("dominant", ratio.group)
                hits[ratio.group] += ratio.low <= truth <= ratio.high
    # 95 %, less three standard errors of so many seeds.
    least = 0.95 - 3 * math.sqrt(0.95 * 0.05 / seeds)
    assert {
        group: hit / seeds for group, hit in hits.items() if "nonbinary" not in group and hit < least * seeds
    } == {}


def test_roles_and_genders_may_be_told_and_unmatched_names_are_counted() -> None:
    tally = TextTally(TABLE)
    tally.add(
        Story(
            "The boss thanked the clerk.",
            "baseline",
            (
                Told("John Smith", "dominant", "man"),
                Told("Zorp", "subordinated", "nonbinary"),
                Told(None, None),
            ),
        )
    )
    found = tally.audit("x")
    people = found.people["subordinated"]
    assert (people.num_people, people.num_gendered, people.num_named, people.num_matched) == (1, 1, 1, 0)
    assert found.people["baseline"].num_gendered == 0
    by_group = {row.group: row for row in found.subordination}
    assert set(by_group) == {"man", "woman", "nonbinary"}  # no race: the name is in no table
    assert by_group["nonbinary"].value == pytest.approx(2)  # (1 + 1)/(1 + 1) over (0 + 1)/(1 + 1)
    assert found.medians == {}


def test_genders_alone_need_no_table(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "captions.jsonl", [{"text": "a woman at a desk"}, {"text": "a man with his dog"}]
    )
    found = audit_texts(path, None)
    assert [(row.group, row.count, row.n) for row in found.omission] == [
        ("man", 1, 2), ("woman", 1, 2), ("nonbinary", 0, 2),
    ]  # fmt: skip
    assert found.races == ()
    assert found.reason == "nobody has the role dominant or subordinated"


def test_bad_rows_are_counted_and_too_many_are_an_error(tmp_path: Path) -> None:
    rows = [{"text": "Maria smiled."}] * 99 + [{"role": "dominant"}]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    found = audit_texts(path, TABLE)
    assert (found.num_texts, found.num_bad) == (99, 1)
    assert [(row.where, row.reason) for row in found.bad_rows] == [("row 100", "no text")]
    with pytest.raises(DataError, match=r"1 of 100 rows cannot be used.*--max-bad-share 0.*row 100: no text"):
        audit_texts(path, TABLE, max_bad_share=0)
    many = audit_texts(write_rows(path, rows + [{}] * 40), TABLE, max_bad_share=1)
    assert (many.num_bad, len(many.bad_rows)) == (41, 20)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no text in it"),
        ("\n\n", "no text in it"),
        ("not JSON", "row 1: no JSON"),
        ('{"text": "a", "role": "boss"}', "--dominant or --subordinated 'boss'"),
    ],
)
def test_a_file_without_texts_is_told_in_one_line(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=words) as error:
        audit_texts(path, TABLE)
    assert "\n" not in str(error.value)


def test_only_and_roles_of_ones_own(tmp_path: Path) -> None:
    rows = [
        {"text": "He led.", "role": "Boss", "model": "a"},
        {"text": "She led.", "role": "clerk", "model": "b"},
    ]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    roles = roles_named(["boss"], ["Clerk"])
    found = audit_texts(path, None, roles=roles, only={"model": "b"})
    assert (found.num_texts, found.num_left_out, list(found.people)) == (1, 1, ["subordinated"])
    with pytest.raises(DataError, match="none of its 2 rows"):
        audit_texts(path, None, roles=roles, only={"model": "c"})
    with pytest.raises(ConfigError, match="this role is dominant already"):
        roles_named(["boss"], ["boss"])
    with pytest.raises(ConfigError, match="this role is subordinated already"):
        roles_named(["subordinate"])
    assert fields_of(["model=a=b"]) == {"model": "a=b"}
    with pytest.raises(ConfigError, match="--only model=a"):
        fields_of(["model"])


def test_python_has_it_too(tmp_path: Path) -> None:
    rows = [{"text": "He led.", "role": "boss"}, {"text": "She led.", "role": "clerk"}]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    found = loopsim.audit_text(path, dominant=["boss"], subordinated=["clerk"], genders_only=True)
    assert {row.group: row.value for row in found.subordination}["woman"] == 2
    assert found.as_json()["source"] == "rows.jsonl"


def test_the_rows_in_the_documentation_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "text-audit.md").read_text(encoding="utf-8")
    path = tmp_path / "stories.jsonl"
    path.write_text(page.partition("<<'END'\n")[2].partition("END\n")[0])
    found = audit_texts(path, TABLE, max_bad_share=0)
    assert found.num_texts == 4
    assert {role: people.num_gendered for role, people in found.people.items()} == {
        "baseline": 1, "dominant": 2, "subordinated": 2,
    }  # fmt: skip


def test_the_same_file_gives_the_same_audit(audit: TextAudit, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "stories.jsonl", story_rows(COUNTS, 0))
    assert audit_texts(path, TABLE) == audit
