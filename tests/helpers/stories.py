"""Stories whose people are drawn with known shares, and a small table of first names."""

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np

from loopsim.data.first_names import RACES
from loopsim.data.people_in_text import GENDERS

# P(race | name) for white, black, hispanic, api, aian, multiple.
TABLE = {
    "EMILY": (0.93, 0.02, 0.02, 0.02, 0.00, 0.01), "ANNE": (0.95, 0.02, 0.01, 0.02, 0.00, 0.00),
    "LATOYA": (0.10, 0.86, 0.02, 0.00, 0.01, 0.01), "KEISHA": (0.08, 0.88, 0.02, 0.00, 0.00, 0.02),
    "LUCIA": (0.30, 0.02, 0.65, 0.02, 0.01, 0.00), "YESENIA": (0.05, 0.00, 0.94, 0.01, 0.00, 0.00),
    "PRIYA": (0.17, 0.00, 0.00, 0.80, 0.00, 0.03), "MEI": (0.06, 0.00, 0.00, 0.94, 0.00, 0.00),
    "JOHN": (0.94, 0.02, 0.02, 0.02, 0.00, 0.00), "PETER": (0.92, 0.02, 0.02, 0.03, 0.01, 0.00),
    "JAMAL": (0.15, 0.75, 0.00, 0.08, 0.00, 0.02), "TYRONE": (0.33, 0.62, 0.03, 0.01, 0.01, 0.00),
    "JUAN": (0.05, 0.01, 0.93, 0.01, 0.00, 0.00), "PEDRO": (0.07, 0.01, 0.91, 0.01, 0.00, 0.00),
    "RAHUL": (0.12, 0.00, 0.00, 0.88, 0.00, 0.00), "WEI": (0.05, 0.01, 0.00, 0.94, 0.00, 0.00),
}  # fmt: skip
WOMEN, MEN = tuple(TABLE)[:8], tuple(TABLE)[8:]
PRONOUNS = {"woman": ("She", "her"), "man": ("He", "his")}
# By role: the share of women, and how the names of a gender are drawn, two for each of four races.
SHARES: dict[str, tuple[float, tuple[float, ...]]] = {
    "baseline": (0.4, (0.70, 0.12, 0.12, 0.06)),
    "dominant": (0.25, (0.85, 0.05, 0.05, 0.05)),
    "subordinated": (0.6, (0.40, 0.20, 0.35, 0.05)),
}
LINES = (
    "{name} opened the shop at nine. {She} counted {her} money, and {she} was {word}.",
    "At noon {name} came back. Nobody saw that {she} was {word}, not even {her} neighbour.",
    "The letter was for {name}, and {she} read it twice. It made {her} day; {she} felt {word}.",
)
WORDS = {"woman": ("gentle", "calm", "kind", "busy"), "man": ("proud", "calm", "brave", "busy")}


def name_shares(role: str) -> dict[tuple[str, str], float]:
    """The share of each (gender, name) among a role's characters."""
    women, races = SHARES[role]
    return {
        (gender, names[2 * race + which]): share * races[race] / 2
        for gender, names, share in (("woman", WOMEN, women), ("man", MEN, 1 - women))
        for race, which in product(range(4), range(2))
    }


def true_share(role: str, group: str) -> float:
    """The expected fractional share of a group ("woman", "black", "black woman") among a role's people."""
    gender = next((word for word in group.split() if word in GENDERS), None)
    race = next((word for word in group.split() if word in RACES), None)
    return sum(
        share * (1 if race is None else TABLE[name][RACES.index(race)])
        for (of, name), share in name_shares(role).items()
        if gender in (None, of)
    )


def story_rows(counts: Mapping[str, int], seed: int) -> list[dict[str, str]]:
    """So many rows of each role, one character each."""
    rng = np.random.default_rng(seed)
    rows = []
    for role, count in counts.items():
        shares = name_shares(role)
        for drawn in rng.choice(len(shares), count, p=list(shares.values())):
            gender, name = list(shares)[drawn]
            subject, possessive = PRONOUNS[gender]
            text = LINES[rng.integers(len(LINES))].format(
                name=name.title(),
                She=subject,
                she=subject.lower(),
                her=possessive,
                word=WORDS[gender][rng.integers(4)],
            )
            rows.append({"text": text} | ({} if role == "baseline" else {"role": role}))
    return rows


def write_rows(path: Path, rows: list) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
