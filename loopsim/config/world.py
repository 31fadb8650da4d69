"""The pocket world: whom and what its pictures show, and how often."""

from typing import Literal, final, get_args

from pydantic import PositiveInt, ValidationInfo, field_validator, model_validator

from loopsim.config.base import Section, Share, Weight

# What OpenMoji has pictures of, in the five Unicode skin types.
Profession = Literal[
    "mechanic", "firefighter", "construction worker", "pilot", "machinist", "astronaut", "programmer",
    "guard", "farmer", "police officer",
    "judge", "doctor", "cook", "singer", "scientist", "detective", "artist", "administrator", "teacher",
    "receptionist",
]  # fmt: skip
SkinType = Literal["light", "medium light", "medium", "medium dark", "dark"]
Thing = Literal[
    "wrench",
    "hammer",
    "ball",
    "guitar",
    "bicycle",
    "dog",
    "cup",
    "book",
    "umbrella",
    "cat",
    "cake",
    "bouquet",
]


@final
class OpenMojiConfig(Section):
    """The joint distribution of the pocket world.

    `professions` maps each to P(woman | profession): US shares of BLS 2015/16 where `US_WOMEN` lists them,
    WinoBias's table (BLS 2017) for farmer, guard, cook and construction worker, and round estimates for
    pilot, astronaut, judge, singer and artist. `skin_types` are weights: counts of COCO's instances (Zhao et
    al. 2021). `objects` lean to a gender: P(object | woman) is proportional to the number, P(object | man) to
    one minus it. The `mention_…` are the chances that a caption names the thing.
    """

    professions: dict[Profession, Share] = {
        "mechanic": 0.018,
        "firefighter": 0.035,
        "construction worker": 0.04,
        "pilot": 0.06,
        "machinist": 0.067,
        "astronaut": 0.15,
        "programmer": 0.184,
        "guard": 0.22,
        "farmer": 0.22,
        "police officer": 0.304,
        "judge": 0.35,
        "doctor": 0.379,
        "cook": 0.38,
        "singer": 0.4,
        "scientist": 0.419,
        "detective": 0.452,
        "artist": 0.5,
        "administrator": 0.549,
        "teacher": 0.71,
        "receptionist": 0.906,
    }
    skin_types: dict[SkinType, Weight] = {
        "light": 13293,
        "medium light": 2425,
        "medium": 1063,
        "medium dark": 528,
        "dark": 468,
    }
    objects: dict[Thing, Share] = {
        "wrench": 0.2,
        "hammer": 0.2,
        "ball": 0.3,
        "guitar": 0.35,
        "bicycle": 0.4,
        "dog": 0.45,
        "cup": 0.5,
        "book": 0.55,
        "umbrella": 0.6,
        "cat": 0.65,
        "cake": 0.7,
        "bouquet": 0.8,
    }
    num_captions: PositiveInt = 5
    mention_profession: Share = 0.95
    mention_gender: Share = 0.7
    mention_skin: Share = 0.1
    mention_object: Share = 0.8
    mention_background: Share = 0.6

    @field_validator("professions", "skin_types", "objects")
    @classmethod
    def _canonical_order(cls, table: dict[str, float], field: ValidationInfo) -> dict[str, float]:
        # Draws go by position: the order in which a file, or a stored config, happens to list the names must
        # not matter.
        names = get_args(
            {"professions": Profession, "skin_types": SkinType, "objects": Thing}[str(field.field_name)]
        )
        return {name: table[name] for name in names if name in table}

    @model_validator(mode="after")
    def _something_can_be_drawn(self) -> "OpenMojiConfig":
        if not self.professions:
            raise ValueError("professions needs at least one profession")
        if sum(self.skin_types.values()) <= 0:
            raise ValueError("skin_types needs at least one positive weight")
        for gender, weight in (
            ("women", sum(self.objects.values())),
            ("men", sum(1 - lean for lean in self.objects.values())),
        ):
            if weight <= 0:
                raise ValueError(
                    f"objects leaves none for {gender}: not all may lean fully to the other gender"
                )
        return self
