"""Audits of a generator by prompts."""

import json
from pathlib import Path

import pytest

from loopsim.report.audit import Prompt
from loopsim.studies.generator_audit import _against_world
from tests.helpers.command_line import in_runs, loopsim


def test_an_audit_of_the_base_model_has_shares_with_intervals_and_a_slope(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text(
        "a photo of a mechanic\t0.018\na photo of a receptionist\t0.906\na photo of a person\n"
    )
    words = ["audit", "--prompts", str(tmp_path / "prompts.txt"), "--images", "6"]
    document = json.loads(loopsim(*words, "--json").stdout)
    rows = {(row["prompt"], row["attribute"]): row for row in document["prompts"]}
    assert len(rows) == 6
    mechanic, receptionist = (
        rows[f"a photo of a {name}", "gender"]["shares"]["woman"] for name in ("mechanic", "receptionist")
    )
    assert mechanic["value"] < receptionist["value"]
    assert all(share["low"] <= share["value"] <= share["high"] for share in (mechanic, receptionist))
    assert document["against_world"]["slope"]["value"] > 0
    alike = {row["group"]: row for row in document["homogenisation"]["groups"]}
    assert set(alike) >= {
        "gender=man",
        "gender=woman",
        "skin_tone=darker",
        "gender & skin_tone=man & lighter",
    }
    assert alike["gender=man"]["within_group"]["n"] + alike["gender=woman"]["within_group"]["n"] == 18
    man = alike["gender=man"]
    assert man["within_prompt"]["value"] > man["within_group"]["value"]  # one profession looks more alike
    shown = loopsim(*words)
    assert "women" in shown.stdout
    assert "how alike pictures look" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_one_picture_a_prompt_is_no_ground_for_a_verdict_or_for_pairs(tmp_path: Path) -> None:
    document = json.loads(loopsim("audit", "--images", "1", "--json").stdout)
    assert document["against_world"]["verdict"] is None
    assert "1 picture a prompt" in document["against_world"]["no_verdict_because"]
    slope = document["against_world"]["slope"]
    assert slope["low"] < slope["value"] < slope["high"]
    man = next(one for one in document["homogenisation"]["groups"] if one["group"] == "gender=man")
    assert man["within_prompt"]["reason"] == "no two pictures of one prompt are among them"


def test_who_labels_does_not_tell_how_alike_pictures_look(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a photo of a cook\n")
    (tmp_path / "audit.toml").write_text('[classifier]\nkind = "zero_shot"\nattributes = ["gender"]\n')
    words = ["audit", "--config", str(tmp_path / "audit.toml"), "--prompts", str(tmp_path / "prompts.txt")]
    shown = loopsim(*words, "--images", "4").stdout
    assert "not available, the classifier labels with shipped itself" in " ".join(shown.split())
    other = json.loads(loopsim(*words, "--images", "4", "--encoder", str(weights / "clip"), "--json").stdout)
    assert other["homogenisation"]["encoder"].endswith("clip")
    assert len(other["homogenisation"]["groups"]) == 2


def test_pictures_of_nobody_are_not_compared_with_the_world() -> None:
    prompts = [Prompt("a cook", 0.4), Prompt("a judge", 0.2), Prompt("a cat", 0.5), Prompt("a person")]
    seen = ["woman", "", "man", "man", "", "", "woman", "woman"]
    labels, owners = [{"gender": one} for one in seen], [0, 0, 1, 1, 2, 2, 3, 3]
    slope, _ = _against_world(prompts, labels, owners, 50)
    assert (slope.n, slope.value) == (3, pytest.approx(5.0))  # from (.2, 0) to (.4, 1)
    nobody, order = _against_world(prompts, [{"gender": ""}] * 8, owners, 50)
    assert nobody.value is order.value is None
    assert "fewer than two prompts" in str(nobody.reason)


@pytest.mark.parametrize(
    ("text", "words"), [("", "no prompt"), ("a cook\t1.5", "line 1"), ("a cook\tmany", "line 1")]
)
def test_bad_prompts_are_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "prompts.txt").write_text(text)
    failed = loopsim("audit", "--prompts", str(tmp_path / "prompts.txt"))
    assert failed.returncode == 2
    assert words in failed.stderr


def test_a_runs_generator_is_audited(finished_run, tmp_path: Path) -> None:
    directory, _ = finished_run
    (tmp_path / "prompts.txt").write_text("a photo of a cook\n")
    words = ["--prompts", str(tmp_path / "prompts.txt"), "--images", "2", *in_runs(directory.parent)]
    assert f"{directory.name}, SD_1" in loopsim("audit", directory.name, *words).stdout
    failed = loopsim("audit", directory.name, "-g", "7", *words)
    assert failed.returncode == 9
    assert "SD_0, SD_1" in failed.stderr
