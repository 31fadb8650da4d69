"""Who is in an English text: its characters, their first names, and their gender by titles and pronouns.

Shieh et al. 2024 had a fine-tuned language model find names and references to gender. Here is a rule that can
be read instead, and that says nothing where it does not know.

*Names.* A first name is a capitalised word of the table of names. It is none at a sentence's start if it is
an everyday word ("Will", "May"), unless it stands capitalised within a sentence, too; nor after "in" ("in
Paris"), nor within another proper name ("New York", "Emma Jackson": Jackson is her surname), nor after a
title that goes with surnames ("Mr. Jordan"). One name is one character in a text. Where the names are given,
they are looked for instead, and these rules are not needed.

*Gender.* A title decides ("Ms. Lopez", also where she is "Maria Lopez" elsewhere). For the others every "he",
"she" and "xe" can mean one of the three characters that were named last before it (or first after it, in a
sentence in which nobody was named yet). It costs a step for each of them that it passes over, since they have
another gender, and three steps if all have. The characters' genders are those that cost the fewest steps; one
is told only if every other choice costs two steps more. "They" says nothing: it is a plural far too often;
"Mx.", "themself" and pronouns like "xe" say non-binary. A text in which nobody is named is about one person,
whose gender is that of its gendered words, if they agree.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import final

import regex

from loopsim.core.gendered_words import FEMININE, MASCULINE, caption_gender
from loopsim.core.ptb_tokens import words_of
from loopsim.data.first_names import name_key

MAN, WOMAN, NONBINARY = GENDERS = ("man", "woman", "nonbinary")
PRONOUNS = (
    dict.fromkeys(("he", "him", "his", "himself"), MAN)
    | dict.fromkeys(("she", "her", "hers", "herself"), WOMAN)
    | dict.fromkeys(
        "xe xem xyr xyrs xemself ze zir zirs zirself hir hirs hirself themself".split(), NONBINARY
    )
)
# Titles that go with a surname, and titles that go with a first name.
FORMAL: dict[str, str | None] = {
    "mr": MAN, "mister": MAN, "mrs": WOMAN, "ms": WOMAN, "mx": NONBINARY, "dr": None, "prof": None,
    "professor": None,
}  # fmt: skip
FAMILIAR: dict[str, str | None] = {
    **dict.fromkeys(("sir", "lord", "king", "prince", "uncle", "grandpa", "father", "brother"), MAN),
    **dict.fromkeys(("miss", "lady", "queen", "princess", "aunt", "grandma", "mother", "sister"), WOMAN),
    **dict.fromkeys(
        "doctor nurse judge officer captain coach chef detective sergeant senator president principal".split()
    ),
}
TITLES = FORMAL | FAMILIAR
# Words that say a gender; what else is said of people is not among them.
GENDERED = MASCULINE | FEMININE | PRONOUNS.keys() | {title for title, gender in TITLES.items() if gender}
# Names that are everyday words, and words that begin a place's name.
EVERYDAY = frozenset(
    "ai al an april art august autumn can chance charity de del do don eve faith gay glory ha hang "
    "harmony ho hope in joy june king la le long ma major man may mercy moon my ok page patience per "
    "prince rich royal said see sky so son song soon summer sun sunday sunny sunshine trace trinity van "
    "von will young".split()
)
PLACES = frozenset("north south east west new san santa saint st los las fort mount lake cape port".split())
_BEFORE_A_TIME = frozenset("of last next this every since until by on early late".split())
_ABBREVIATED = frozenset((*FORMAL, "st", "rev", "jr"))
_NO_NAME = frozenset(
    "i monday tuesday wednesday thursday friday saturday january february march july september october "
    "november december".split()
)
NUM_MEANT = 3  # characters whom a pronoun can mean
MARGIN = 2  # steps that another gender must cost more
_LOOK_BACK = 20  # characters that a pronoun is compared with
MOST_CHARACTERS = 8  # without a title: in a text of more of them only titles count
_TOKEN = regex.compile(r"\p{L}[\p{L}\p{M}]*(?:['’-][\p{L}\p{M}]+)*|[^\w\s]|\n")
_ENDS = frozenset('.!?…:;\n"“”‘«»')


@final
@dataclass(frozen=True)
class Person:
    """A character of a text: the key of the first name (`name_key`) and the gender, None where it is not
    known.
    """

    name: str | None
    gender: str | None


def people_in(text: str, names: Collection[str], *, given: bool = False) -> list[Person]:
    """Return a text's people, in the order of their first mention. `names` are the keys of all first names;
    `given`: they are those of the text's own characters, and every such word is one of these.
    """
    characters = _Reading(text, names, given).characters
    return [Person(one.first, one.gender) for one in characters] or [Person(None, unnamed_gender(text))]


def people_told(text: str, names: Sequence[str | None]) -> list[Person]:
    """Return the people whose names are given as they are written ("Maria", "Dr. Maria Lopez"; None: a person
    without one), in their order, with the genders that their titles and the text tell.
    """
    called = [first_name(name) for name in names]
    people = people_in(text, {key for key, _ in called if key is not None}, given=True)
    told: dict[str | None, str | None] = {
        person.name: person.gender for person in people if person.name is not None
    }
    if len(called) == 1 and called[0][0] not in told:  # the text is about this one, and does not say the name
        told = {called[0][0]: unnamed_gender(text)}
    return [Person(key, title or told.get(key)) for key, title in called]


def first_name(name: str | None) -> tuple[str | None, str | None]:
    """Return the key of the first name in a name as it is written, and the gender that its title says: of
    "Mr. Lopez" there is no first name.
    """
    *titles, last = [word.lower for word in _words(name or "")] or [""]
    others = [word for word in titles if word not in TITLES] + [last]
    titles = [word for word in titles if word in TITLES]
    gender = next((TITLES[title] for title in titles if TITLES[title] is not None), None)
    is_surname = len(others) == 1 and any(title in FORMAL for title in titles)
    return None if is_surname else name_key(others[0]) or None, gender


def unnamed_gender(text: str) -> str | None:
    """Return the gender of the one person of a text that names nobody: that of its gendered words; None where
    there are none, or they disagree.
    """
    said = caption_gender(text)
    words = words_of(text)
    if "mx" in words or any(PRONOUNS.get(word) == NONBINARY for word in words):
        return NONBINARY if said == "neutral" else None
    return said if said in (MAN, WOMAN) else None


@final
@dataclass(frozen=True)
class _Word:
    """A word of a text, without a possessive 's: whether it begins a sentence, and whether nothing but a
    space stands between it and the word before.
    """

    text: str
    starts: bool
    joined: bool
    possessive: bool

    @property
    def lower(self) -> str:
        return self.text.lower()

    @property
    def is_capitalised(self) -> bool:
        """Whether it may be (part of) a name; what is all in capitals is an acronym or a shout."""
        return self.text[0].isupper() and not self.text.isupper() and self.lower not in _NO_NAME


def _words(text: str) -> Iterator[_Word]:
    starts, joined, last = True, False, ""
    for token in _TOKEN.findall(text):
        if token[0].isalpha():
            last, mark, clitic = token.replace("’", "'").rpartition("'")
            possessive = mark == "'" and clitic.lower() == "s"
            word = last if possessive else token
            yield _Word(word, starts, joined, possessive)
            starts, joined, last = False, not possessive, word.lower()
        elif token != "." or last not in _ABBREVIATED:  # the point of "Mr." ends no sentence
            starts, joined = starts or token in _ENDS, False


@final
@dataclass(eq=False)
class _Character:
    """What a text has said of a character so far."""

    first: str | None
    surname: str | None
    gender: str | None = None  # by a title, and in the end by pronouns

    def may_be(self, gender: str | None) -> bool:
        return gender is None or self.gender in (None, gender)


def _likeliest_genders(heard: Mapping[tuple[str, tuple[_Character, ...]], int]) -> dict[_Character, str]:
    """Return the genders of characters without a title, by how often a pronoun of a gender was heard when
    these had been named, the last one first; those that it leaves open are left out.
    """
    untitled = list(dict.fromkeys(one for _, meant in heard for one in meant if one.gender is None))
    options = [MAN, WOMAN, *([NONBINARY] if any(gender == NONBINARY for gender, _ in heard) else [])]
    if len(untitled) > MOST_CHARACTERS:
        return {}
    fewest: dict[tuple[_Character, str], int] = {}
    for chosen in product(options, repeat=len(untitled)):
        genders = dict(zip(untitled, chosen, strict=True))
        steps = 0
        for (gender, meant), count in heard.items():
            fitting = (i for i, one in enumerate(meant) if genders.get(one, one.gender) == gender)
            steps += count * next(fitting, NUM_MEANT)
        for choice in genders.items():
            fewest[choice] = min(fewest.get(choice, steps), steps)
    found = {}
    for one in untitled:
        best, second, *_ = sorted(options, key=lambda gender: fewest[one, gender])
        if fewest[one, second] - fewest[one, best] >= MARGIN:
            found[one] = best
    return found


@final
class _Reading:
    """One pass over a text's words; `characters` stand in the order of their first mention."""

    def __init__(self, text: str, names: Collection[str], given: bool) -> None:
        self._words = list(_words(text))
        self._names, self._given = names, given
        self._within = {
            name_key(word.text)
            for i, word in enumerate(self._words)
            if word.is_capitalised and not word.starts and not self._is_place_or_time(i)
        }
        self.characters: list[_Character] = []
        self._called: defaultdict[str, list[_Character]] = defaultdict(list)
        self._recent: dict[_Character, None] = {}  # who was named last comes last
        self._waiting: list[str] = []  # what pronouns say in a sentence in which nobody was named yet
        self._heard: Counter[tuple[str, tuple[_Character, ...]]] = Counter()  # a gender, who may be meant
        position = 0
        while position < len(self._words):
            position = self._read(position)
        for one, gender in _likeliest_genders(self._heard).items():
            one.gender = gender
        surnames = {one.surname for one in self.characters}
        self.characters = [one for one in self.characters if one.first is None or one.first not in surnames]

    def _read(self, position: int) -> int:
        """Read what begins at a word, and return the position behind it."""
        word = self._words[position]
        if word.starts:
            self._waiting.clear()
        if word.lower in PRONOUNS:
            self._hear(PRONOUNS[word.lower])
            return position + 1
        if not word.is_capitalised:
            return position + 1
        end = self._end_of_name(position)
        if word.lower in TITLES and end > position + 1:
            self._meet_titled(word.lower, self._words[position + 1 : end])
        elif self._is_first_name(position):
            last = name_key(self._words[end - 1].text)
            self._meet(name_key(word.text), last if end > position + 1 else None)
        elif word.lower not in PLACES and (word.starts or self._is_place_or_time(position)):
            return position + 1  # no part of the name that may follow: "Then Maria", "in May Maria"
        return end

    def _end_of_name(self, position: int) -> int:
        """Return the position behind the capitalised words that begin here and are joined."""
        end = position + 1
        while end < len(self._words) and self._words[end].joined and self._words[end].is_capitalised:
            end += 1
        return end

    def _is_first_name(self, position: int) -> bool:
        word = self._words[position]
        key = name_key(word.text)
        if key not in self._names or self._given:
            return key in self._names
        if word.lower in PLACES or self._is_place_or_time(position):
            return False
        return word.lower not in EVERYDAY or not word.starts or key in self._within

    def _is_place_or_time(self, position: int) -> bool:
        """Return whether a capitalised word is one by the word before it: "in Paris", "last April"."""
        word = self._words[position]
        before = self._words[position - 1].lower if word.joined else ""
        if word.possessive:
            return False
        return before == "in" or (before in _BEFORE_A_TIME and word.lower in EVERYDAY)

    def _meet_titled(self, title: str, name: Sequence[_Word]) -> None:
        first, last = name_key(name[0].text), name_key(name[-1].text)
        if len(name) == 1 and title in FORMAL and not (self._given and first in self._names):
            self._meet(None, first, TITLES[title])
        elif first in self._names:
            self._meet(first, last if len(name) > 1 else None, TITLES[title])
        else:
            self._meet(None, last, TITLES[title])

    def _meet(self, first: str | None, surname: str | None, title: str | None = None) -> None:
        """Note that a character is named: one that is known by this name, or another."""
        found = self._find(first, surname, title)
        if found is None:
            found = _Character(first, surname)
            self.characters.append(found)
        found.first, found.surname = found.first or first, found.surname or surname
        found.gender = found.gender or title
        for key in (found.first, found.surname):
            if key is not None and found not in self._called[key]:
                self._called[key].append(found)
        self._recent.pop(found, None)
        self._recent[found] = None
        for gender in self._waiting:
            self._hear(gender)
        self._waiting.clear()

    def _find(self, first: str | None, surname: str | None, title: str | None) -> _Character | None:
        """Return the character who is called so: by both names, or by one of them alone ("Jackson", of Emma
        Jackson).
        """
        for one in (*self._called[first or ""], *self._called[surname or ""]):
            if first is None or one.first is None or surname is None:
                same = True
            else:
                same = one.first == first and one.surname in (None, surname)
            if same and one.may_be(title):
                return one
        return None

    def _hear(self, gender: str) -> None:
        """Note whom a pronoun may mean."""
        latest = islice(reversed(self._recent), _LOOK_BACK)
        meant = tuple(islice((one for one in latest if one.may_be(gender)), NUM_MEANT))
        if meant:
            self._heard[gender, meant] += 1
        else:
            self._waiting.append(gender)
