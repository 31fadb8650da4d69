"""Who is in a text: names, titles, pronouns, and saying nothing where a rule does not know."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopsim.data.people_in_text import Person, first_name, people_in, people_told, unnamed_gender

NAMES = {
    "MARIA", "JOHN", "EMMA", "JACKSON", "JORDAN", "WILL", "MAY", "JOSE", "KIM", "PARIS", "CAROLINA", "SAN",
    "PRIYA", "JUAN", "ANA", "AI", "AISHA", "WEI", "CARLOS", "LATOYA",
}  # fmt: skip


def who(text: str) -> dict[str | None, str | None]:
    """The people of a text, name to gender."""
    return {person.name: person.gender for person in people_in(text, NAMES)}


@pytest.mark.parametrize(
    ("text", "people"),
    [
        # Pronouns.
        ("Maria opened her shop. She was proud.", {"MARIA": "woman"}),
        ("John smiled at himself.", {"JOHN": "man"}),
        ("As she entered, Maria smiled.", {"MARIA": "woman"}),
        ("She left. Then John came.", {"JOHN": None}),  # a pronoun of another sentence, before anyone
        ("Maria smiled.", {"MARIA": None}),
        ("Maria and John left. They were late.", {"MARIA": None, "JOHN": None}),
        ("Kim took xyr coat.", {"KIM": "nonbinary"}),
        # Two characters: the pronouns tell who is who.
        (
            "The doctor, Priya, gave her patient Juan his pills. He thanked her.",
            {"PRIYA": "woman", "JUAN": "man"},
        ),
        (
            "As she entered, Maria saw John. John gave her his book. She thanked him.",
            {"MARIA": "woman", "JOHN": "man"},
        ),
        ("John told Maria that he would help.", {"JOHN": None, "MARIA": None}),  # either may be meant
        ("Maria met Ana. She smiled.", {"MARIA": None, "ANA": None}),
        # Titles decide, and pass by what contradicts them.
        ("Mr. Jordan met Maria Jackson. She knew him.", {None: "man", "MARIA": "woman"}),
        ("Ms. Jackson is Emma Jackson.", {"EMMA": "woman"}),
        ("Mx. Kim Jordan spoke.", {"KIM": "nonbinary"}),
        ("Aunt Maria laughed.", {"MARIA": "woman"}),
        ("Dr. Jordan said she was tired.", {None: "woman"}),
        # Names that are words, places, surnames, acronyms.
        ("Will smiled. He thanked Will.", {"WILL": "man"}),
        ("Will you come? May I?", {None: None}),
        ("In May Maria came.", {"MARIA": None}),
        ("She went to San Diego, South Carolina and New Paris, and lived in Paris.", {None: "woman"}),
        ("AI helped the woman.", {None: "woman"}),
        ("Emma Jackson left. Jackson was early, and she knew it.", {"EMMA": "woman"}),
        ("On Monday Maria went to work, and she was late.", {"MARIA": "woman"}),
        ("“Will you?” asked José. “He is here.”", {"JOSE": "man"}),
        ("Maria’s shop was hers.", {"MARIA": "woman"}),
        ("Jose\u0301 Jordan smiled at himself.", {"JOSE": "man"}),  # the accent is a character of its own
        # Nobody is named.
        ("a man riding a horse", {None: "man"}),
        ("a man and a woman", {None: None}),
        ("A non-gendered cook.", {None: None}),
        ("the baker closed xyr door", {None: "nonbinary"}),
        ("", {None: None}),
    ],
)
def test_people_and_their_genders(text: str, people: dict[str | None, str | None]) -> None:
    assert who(text) == people


def test_a_gender_is_told_where_its_evidence_outweighs_the_others() -> None:
    assert who("Maria came. She. She. He.") == {"MARIA": "woman"}
    assert who("Maria came. She. He.") == {"MARIA": None}
    # Two of one gender: one word may mean either, of two words one is likely to mean the last.
    assert who("Maria sang, and she left. Ana sang, and she left.") == {"MARIA": "woman", "ANA": None}
    assert who("Maria sang, and she left. Ana sang her song, and she left.") == {
        "MARIA": "woman",
        "ANA": "woman",
    }


def test_of_many_characters_only_titles_tell() -> None:
    many = [name.title() for name in sorted(NAMES - {"AI", "SAN", "MAY", "WILL"})]
    texts = [f"then {name} sang her song, and she left." for name in many]
    assert set(who(" ".join(texts[:8])).values()) == {"woman"}
    assert set(who(" ".join(texts[:9])).values()) == {None}
    assert who(" ".join([*texts[:9], "Mrs. Smith spoke."]))[None] == "woman"


def test_given_names_are_looked_for_as_they_are() -> None:
    text = "Will lost his book. He saw Zorp in May, and Zorp said she had found it herself."
    assert people_told(text, ["Zorp", "Will"]) == [Person("ZORP", "woman"), Person("WILL", "man")]
    assert people_told("She led the team.", ["Maria"]) == [Person("MARIA", "woman")]
    assert people_told("She led the team.", ["Maria", None]) == [Person("MARIA", None), Person(None, None)]
    assert people_told("Nobody.", ["Mr. Smith", "Dr. Ana Lopez"]) == [
        Person(None, "man"),
        Person("ANA", None),
    ]
    assert people_told("Nobody.", []) == []


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("Maria", ("MARIA", None)),
        ("Dr. Maria Lopez", ("MARIA", None)),
        ("Miss Anna", ("ANNA", "woman")),
        ("Mr. Lopez", (None, "man")),
        ("King", ("KING", None)),
        ("José", ("JOSE", None)),
        ("...", (None, None)),
        (None, (None, None)),
    ],
)
def test_the_first_name_of_a_name(written: str | None, found: tuple[str | None, str | None]) -> None:
    assert first_name(written) == found


def test_gendered_words_of_a_text_without_names() -> None:
    assert unnamed_gender("The policewoman smiled.") == "woman"
    assert unnamed_gender("Mx. Smith smiled.") == "nonbinary"
    assert unnamed_gender("Mx. Smith met a man.") is None


@given(st.text(alphabet="Mariohnshe. ,'\"\n“’-éß王 ", max_size=80))
def test_any_text_has_people(text: str) -> None:
    people = people_in(text, NAMES)
    assert people
    assert len({person.name for person in people if person.name}) == sum(p.name is not None for p in people)


def test_a_long_text_of_many_names_is_read_in_seconds() -> None:
    names = [f"N{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(4000)]
    text = " ".join(
        f"so {names[i * 7919 % 4000]} said that {'she' if i % 2 else 'he'} left." for i in range(20_000)
    )
    begun = time.perf_counter()
    assert len(people_in(text, {name.upper() for name in names})) == 4000
    assert time.perf_counter() - begun < 10
