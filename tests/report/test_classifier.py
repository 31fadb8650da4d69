"""A classifier's card says how often it gave no label."""

from loopsim.metrics.confusion import Confusion
from loopsim.report.classifier import ClassifierCard, card_as_json
from loopsim.report.terminal.classifier import print_card
from tests.helpers.terminal import printed

RACES = ("black", "east_asian", "indian", "latino_hispanic", "white")
VALUES = {"gender": ("man", "woman"), "race": RACES, "mood": ("glad", "sad")}


def card(*abstains: str) -> ClassifierCard:
    gender = Confusion(((80, 5), (10, 60), (10, 35)) if "gender" in abstains else ((90, 30), (10, 70)))
    races = Confusion((*(tuple(15 * (i == j) for j in range(5)) for i in range(5)), (5, 1, 0, 0, 0)))
    return ClassifierCard(
        "own.toml", "zero_shot", "compared", VALUES, {"gender": gender, "race": races}, abstains
    )


def test_pictures_without_a_label_are_counted_group_by_group() -> None:
    found = card("gender", "race", "mood")
    text = printed(lambda console: print_card(console, found))
    lines = [line.split() for line in text.splitlines()]
    assert ["man", "80", "10", "10", "80.0%", "[71.1%,", "86.7%]"] in lines
    assert ["woman", "5", "60", "35", "60.0%", "[50.2%,", "69.1%]"] in lines
    assert "no label: 45 of 200, 22.5% [17.3%, 28.8%]" in text
    assert ["black", "5", "75.0%", "[53.1%,", "88.8%]", "20", "-"] in lines  # too many groups for a matrix
    whole = " ".join(text.split())
    assert "where it sees nobody it gives no label; how often it overlooks somebody is unknown" in whole
    told = card_as_json(found)["attributes"]
    assert (told["gender"]["counts"], told["gender"]["abstained"]) == ([[80, 5], [10, 60]], [10, 35])
    assert [row["unlabelled"] for row in told["gender"]["recall"]] == [10, 35]
    assert (told["mood"]["abstains"], told["mood"]["abstained"]) == (True, None)


def test_of_one_that_labels_everything_nothing_is_said_of_it() -> None:
    text = printed(lambda console: print_card(console, card("race")))
    gender = text[text.index("gender:") : text.index("race:")]
    assert "label" not in gender
    assert card_as_json(card("race"))["attributes"]["gender"]["abstains"] is False
