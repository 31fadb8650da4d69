"""The audit of texts: omission, subordination and marked words in the stories or captions of any language
model (Shieh et al. 2024, arXiv 2404.07475).

A file is read once, row by row; what is kept are counts of names, genders and words.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import final

import numpy as np

from loopsim.core.errors import ConfigError, DataError
from loopsim.data.first_names import RACES, FirstNames
from loopsim.data.paths import shown
from loopsim.data.people_in_text import GENDERED, GENDERS, MAN, Person, people_in, people_told
from loopsim.data.reading import BadRow
from loopsim.data.stories import DOMINANT, KNOWN_ROLES, ROLES, SUBORDINATED, Story, read_stories
from loopsim.metrics.harms import (
    MedianRatio,
    median_subordination,
    omission,
    population_share,
    subordination,
)
from loopsim.metrics.marked_words import marked_words, small_words
from loopsim.metrics.names import count_races
from loopsim.report.text_audit import Omission, RolePeople, Subordination, TextAudit

MAX_BAD_ROWS = 20  # that are told one by one
# Different words of which counts are kept; what comes later is left out, so that no file fills the memory.
MAX_WORDS = 1_000_000
UNMARKED = dict.fromkeys(GENDERS, MAN) | dict.fromkeys(RACES, "white")


def roles_named(dominant: Iterable[str] = (), subordinated: Iterable[str] = ()) -> dict[str, str]:
    """Return our word for each name of a role, a user's own ones among them. Raises ConfigError if one is
    both.
    """
    added: dict[str, str] = {}
    for names, role in ((dominant, DOMINANT), (subordinated, SUBORDINATED)):
        for name in names:
            key = name.strip().lower()
            if (KNOWN_ROLES | added).get(key, role) != role:
                raise ConfigError(f"--{role} {name}: this role is {(KNOWN_ROLES | added)[key]} already")
            added[key] = role
    return KNOWN_ROLES | added


def fields_of(texts: Iterable[str]) -> dict[str, str]:
    """Return {"model": "a"} of ["model=a"]. Raises ConfigError for what has no "="."""
    pairs = [text.partition("=") for text in texts]
    for field, equals, value in pairs:
        if not field or not equals:
            raise ConfigError(f"--only {field}{value}: write a field and its value, as --only model=a")
    return {field: value for field, _, value in pairs}


def audit_texts(
    path: Path,
    first_names: FirstNames | None,
    *,
    roles: Mapping[str, str] = KNOWN_ROLES,
    only: Mapping[str, str] | None = None,
    max_bad_share: float = 0.01,
    advanced: Callable[[int], None] = lambda done: None,
) -> TextAudit:
    """Audit a file of texts, races by a table of `first_names` (None: genders alone).

    `roles` has our word for each name of a role, `only` the fields that a row must have to count. `advanced`
    is told how many rows have been read. Raises DataError if there is no such file, no row in it that can be
    used, or more than `max_bad_share` of its rows cannot.
    """
    tally = TextTally(first_names)
    bad: list[BadRow] = []
    num_bad = num_left_out = 0
    for done, row in enumerate(read_stories(path, roles, only), 1):
        if row is None:
            num_left_out += 1
        elif isinstance(row, BadRow):
            num_bad += 1
            bad += [row] if len(bad) < MAX_BAD_ROWS else []
        else:
            tally.add(row)
        advanced(done)
    _require_good(path, tally.num_texts, num_bad, bad, num_left_out, max_bad_share)
    return tally.audit(path.name, num_bad, num_left_out, bad)


def _require_good(
    path: Path, num_texts: int, num_bad: int, bad: Sequence[BadRow], num_left_out: int, limit: float
) -> None:
    place, num_rows = shown(path), num_texts + num_bad
    if num_bad and num_bad / num_rows > limit:
        raise DataError(
            f"{place}: {num_bad:,} of {num_rows:,} rows cannot be used, more than --max-bad-share {limit:g}; "
            f"the first is {bad[0].where}: {bad[0].reason}"
        )
    if num_texts == 0 and num_left_out:
        raise DataError(f"{place}: none of its {num_left_out:,} rows has the fields that --only asks for")
    if num_texts == 0:
        raise DataError(f'{place}: no text in it; a row looks like {{"text": "Maria smiled."}}')


@final
class TextTally:
    """Counts of the people and words of texts."""

    def __init__(self, first_names: FirstNames | None) -> None:
        self._first_names = first_names or {}
        self._races = RACES if first_names is not None else ()
        self.num_texts = 0
        self._genders: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
        # By role and gender, how many characters have a name.
        self._names: defaultdict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
        self._words: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._all_words: Counter[str] = Counter()

    def add(self, story: Story) -> None:
        """Count one text."""
        people, roles = self._people(story)
        for person, role in zip(people, roles, strict=True):
            self._genders[role][person.gender] += 1
            if person.name is not None:
                self._names[role, person.gender][person.name] += 1
        words = small_words(story.text)
        for word in words.keys() & GENDERED:  # these say nothing but the gender itself
            del words[word]
        _count(self._all_words, words, 1)
        for group, share in self._about(people):
            _count(self._words[group], words, share)
        self.num_texts += 1

    def _people(self, story: Story) -> tuple[list[Person], list[str]]:
        """Return a story's people, and their roles."""
        if story.characters is None:
            people = people_in(story.text, self._first_names.keys())
            return people, [story.role] * len(people)
        people = [
            Person(person.name, one.gender or person.gender)
            for one, person in zip(
                story.characters,
                people_told(story.text, [one.name for one in story.characters]),
                strict=True,
            )
        ]
        return people, [one.role or story.role for one in story.characters]

    def _about(self, people: Sequence[Person]) -> Iterator[tuple[str, float]]:
        """Yield the groups that a text is about, and by which share: its people's one gender, and their
        races.
        """
        genders = {person.gender for person in people}
        if len(genders) == 1 and (gender := genders.pop()) is not None:
            yield gender, 1.0
        found = [self._first_names[name] for p in people if (name := p.name or "") in self._first_names]
        if found:
            yield from zip(self._races, map(float, np.mean(found, 0)), strict=True)

    def audit(
        self, source: str, num_bad: int = 0, num_left_out: int = 0, bad: Sequence[BadRow] = ()
    ) -> TextAudit:
        """Return what the counts say."""
        met = [role for role in ROLES if self._genders[role]]
        both = DOMINANT in met and SUBORDINATED in met
        lacking = [role for role in (DOMINANT, SUBORDINATED) if role not in met]
        groups = [group for group in (*GENDERS, *self._races) if self._words[group]]
        marked = marked_words(
            {group: self._words[group] for group in groups if UNMARKED[group] != group},
            {group: self._words[UNMARKED[group]] for group in groups},
            self._all_words,
        )
        return TextAudit(
            source,
            self.num_texts,
            num_bad,
            num_left_out,
            self._races,
            {role: self._role_people(role) for role in met},
            [row for role in met for row in self._omission(role)],
            list(self._subordination()) if both else [],
            dict(self._medians()) if both else {},
            marked,
            {group: UNMARKED[group] for group in marked},
            None if both else f"nobody has the role {' or '.join(lacking)}",
            tuple(bad),
        )

    def _role_people(self, role: str) -> RolePeople:
        genders, names = self._genders[role], self._names_of(role, (*GENDERS, None))
        counted = count_races(names, self._first_names, len(self._races))
        known = genders.total() - genders[None]
        return RolePeople(genders.total(), known, counted.matched + counted.unmatched, counted.matched)

    def _names_of(self, role: str, genders: Iterable[str | None]) -> Counter[str]:
        names: Counter[str] = Counter()
        for gender in genders:
            names += self._names[role, gender]
        return names

    def _counts(self, role: str) -> Iterator[tuple[tuple[str, ...], float, int]]:
        """Yield each group of a role's people (race, gender), its count, and of how many it is."""
        genders = self._genders[role]
        known = genders.total() - genders[None]
        for gender in GENDERS:
            yield (gender,), float(genders[gender]), known
        if not self._races:
            return
        num_races = len(self._races)
        everyone = count_races(self._names_of(role, (*GENDERS, None)), self._first_names, num_races)
        for race, count in zip(self._races, everyone.by_race, strict=True):
            yield (race,), float(count), everyone.matched
        of_gender = {
            gender: count_races(self._names[role, gender], self._first_names, num_races) for gender in GENDERS
        }
        gendered = sum(counted.matched for counted in of_gender.values())
        for gender, (i, race) in product(GENDERS, enumerate(self._races)):
            yield (race, gender), float(of_gender[gender].by_race[i]), gendered

    def _omission(self, role: str) -> Iterator[Omission]:
        for group, count, n in self._counts(role):
            if n > 0:
                reference = population_share(*group)
                ratio = omission(count, n, reference)
                yield Omission(role, " ".join(group), count, n, reference, ratio.value, ratio.low, ratio.high)

    def _subordination(self) -> Iterator[Subordination]:
        pairs = zip(self._counts(SUBORDINATED), self._counts(DOMINANT), strict=True)
        for (group, a, m), (_, b, n) in pairs:
            if m > 0 and n > 0:
                ratio = subordination(a, m, b, n)
                interval = (None, None) if a == b == 0 else (ratio.low, ratio.high)
                yield Subordination(" ".join(group), a, m, b, n, ratio.value, *interval)

    def _medians(self) -> Iterator[tuple[str, MedianRatio]]:
        for gender in GENDERS:
            lesser, greater = (self._names[role, gender] for role in (SUBORDINATED, DOMINANT))
            names = sorted(name for name in lesser.keys() | greater.keys() if name in self._first_names)
            likelihoods = np.array([self._first_names[name] for name in names]).reshape(
                -1, len(self._races) or 1
            )
            counts = (np.array([count[name] for name in names], np.int64) for count in (lesser, greater))
            subordinated, dominant = counts
            for i, race in enumerate(self._races if names else ()):
                found = median_subordination(likelihoods[:, i], subordinated, dominant)
                if found is not None:
                    yield f"{race} {gender}", found


def _count(counts: Counter[str], words: Mapping[str, int], share: float) -> None:
    for word, count in words.items():
        if word in counts or len(counts) < MAX_WORDS:
            counts[word] += count * share  # type: ignore[assignment]  # a fraction of a text
