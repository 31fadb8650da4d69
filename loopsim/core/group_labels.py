"""One vocabulary for sensitive attributes: publishers write "Male", "male" or "M"; loopsim says "man"
everywhere.

Sources: Zhao et al. 2021 (COCO: gender, skin), Garcia et al. 2023 (PHASE), Kärkkäinen & Joo 2021 (FairFace).
"""

import re
from collections.abc import Iterable, Mapping

UNKNOWN = ("", "unsure", "disagreement", "other", "none", "nan", "unknown", "null", "n/a")
VALUES: dict[str, tuple[str, ...]] = {
    "gender": ("man", "woman"),
    "skin_tone": ("lighter", "darker"),
    "ethnicity": ("black", "east_asian", "indian", "latino", "middle_eastern", "southeast_asian", "white"),
    "race": (
        "black",
        "east_asian",
        "indian",
        "latino_hispanic",
        "middle_eastern",
        "southeast_asian",
        "white",
    ),
    "age_group": ("baby_and_child", "young", "adult", "senior"),
    "age": ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+"),
}
_SYNONYMS: dict[str, dict[str, str]] = {
    "gender": {"male": "man", "m": "man", "men": "man", "female": "woman", "f": "woman", "women": "woman"},
    "skin_tone": {"light": "lighter", "dark": "darker"},
    "race": {"latino": "latino_hispanic"},
    "age_group": {
        "baby": "baby_and_child",
        "child": "baby_and_child",
        "children": "baby_and_child",
        "baby_&_child": "baby_and_child",
    },
    # Spreadsheets read some age ranges as dates, and put the day first.
    "age": {
        "more_than_70": "70+",
        "3-mar": "3-9",
        "9-mar": "3-9",
        "10-oct": "10-19",
        "19-oct": "10-19",
        "mar-09": "3-9",
        "oct-19": "10-19",
    },
}
_ATTRIBUTES = {"skin": "skin_tone", "skintone": "skin_tone", "sex": "gender"}


def attribute_name(name: str) -> str:
    """Return loopsim's name of an attribute: lower case, with underscores; skin tone has one name."""
    plain = re.sub(r"[\s-]+", "_", name.strip().lower())
    return _ATTRIBUTES.get(plain, _ATTRIBUTES.get(plain.replace("_", ""), plain))


def is_known(value: object) -> bool:
    """Return whether an annotator decided on a value."""
    return str(value).strip().lower() not in UNKNOWN


def canonical(attribute: str, value: str) -> str:
    """Return loopsim's word for an attribute's value; words that it does not know are kept."""
    plain = re.sub(r"\s+", "_", value.strip().lower())
    found = _SYNONYMS.get(attribute, {}).get(plain, plain)
    return found if attribute in VALUES or attribute in _SYNONYMS else value.strip()


def agreed(people: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the attributes in which all of a picture's annotated people agree: only then a picture counts
    for a group (Chen et al. 2024).
    """
    found = list(people)
    names = {name for person in found for name in person}
    shared = {name: {person.get(name, "") for person in found} for name in names}
    return {
        name: next(iter(values))
        for name, values in sorted(shared.items())
        if len(values) == 1 and is_known(next(iter(values)))
    }


def known_values(attribute: str, configured: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the values that an attribute may have: as configured, else the published ones; None if it may
    have any.
    """
    return configured.get(attribute, VALUES.get(attribute))
