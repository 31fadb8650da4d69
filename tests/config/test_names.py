"""Every name that a config may use is known without importing what it names."""

from pathlib import Path
from typing import Any

import pytest

from loopsim.config import load_config, names
from loopsim.config.names import check_names
from loopsim.core.choices import Choices, Shelf
from loopsim.core.errors import ConfigError
from loopsim.data.corpora import CORPORA
from loopsim.data.formats.corpus_format import FORMATS
from loopsim.evaluation.measure import MEASURES
from loopsim.interventions.registry import INTERVENTIONS
from loopsim.models.captioners import CAPTIONERS
from loopsim.models.classifiers import CLASSIFIERS
from loopsim.models.diffusion.family import FAMILIES
from loopsim.phases.curations.curation import CURATIONS
from loopsim.phases.policies.policy import POLICIES
from tests.helpers.command_line import loaded_after

KINDS: tuple[Choices[Any], ...] = (
    POLICIES, CURATIONS, MEASURES, INTERVENTIONS, CORPORA, FORMATS, CAPTIONERS, CLASSIFIERS, FAMILIES,
)  # fmt: skip
SHELVES = {shelf.key: shelf for shelf in vars(names).values() if isinstance(shelf, Shelf)}
WRONG = (
    ("captioner.kind", "captioner.kind=hubb", "did you mean 'hub'"),
    ("classifier.kind", "classifier.kind=zeroshot", "did you mean 'zero_shot'"),
    ("generator.family", "generator.family=sd4", "did you mean 'sd3'|did you mean 'sd'"),
    ("data.corpus", "data.corpus=nonsense", "known are files, openmoji"),
    ("compose.policy", "compose.policy=replase", "did you mean 'replace'"),
    ("evaluate.metrics", 'evaluate.metrics=["skew", "recal"]', "did you mean 'recall'"),
    ("interventions[0].kind", 'interventions=[{kind="quotta"}]', "did you mean 'quota'"),
    ("data.faces.format", 'data.faces={format="fairfase", path="x"}', "did you mean 'fairface'"),
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.key)
def test_the_names_in_the_source_are_those_of_the_imported_values(kind: Choices[Any]) -> None:
    shelf = SHELVES[kind.key]
    assert (shelf.kind, shelf.folder, shelf.group) == (kind.kind.__name__, kind.folder, kind.group)
    assert sorted(shelf.own) == sorted(kind.own), "a value's name stands as text where it is made"


@pytest.mark.parametrize(("key", "override", "hint"), WRONG)
def test_a_wrong_name_is_told_with_its_key(key: str, override: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"not known; {hint}") as caught:
        check_names(load_config("pocket", [override]))
    assert str(caught.value).startswith(f"{key} = ")


def test_wrong_names_are_told_before_the_libraries_of_models_are_imported() -> None:
    overrides = [override for _, override, _ in WRONG] + ["generate.curation=nonsense"]
    code = (
        "from loopsim.cli.options import asked_config\nfrom loopsim.core.errors import ConfigError\n"
        f"for override in {overrides!r}:\n"
        " try: asked_config('tiny', [override])\n except ConfigError: continue\n raise SystemExit(override)\n"
    )
    assert loaded_after(code, "torch", "diffusers", "transformers", "open_clip", "lmdb", "pyarrow") == "[]"


def test_a_packages_name_is_known_and_its_module_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "lengths-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lengths\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[loopsim.metrics]\ncaption_length = lengths:NOT_THERE\n")
    monkeypatch.syspath_prepend(tmp_path)
    check_names(load_config("tiny", ['evaluate.metrics=["caption_length", "skew"]']))
    with pytest.raises(ConfigError, match="did you mean 'caption_length'"):
        check_names(load_config("tiny", ['evaluate.metrics=["caption_lenght"]']))
