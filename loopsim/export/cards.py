"""Cards: what a folder of pictures or models is, how it was made, and what it must not be taken for."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from loopsim.export.origin import Origin, called, hub_id
from loopsim.export.text import in_markdown, in_yaml

_LOADING: Final[Mapping[str, str]] = {
    "folder": (
        "from datasets import load_dataset\n\n"
        'pictures = load_dataset("imagefolder", data_dir=".", split="train")\n'
    ),
    "webdataset": (
        "from glob import glob\n\n"
        "import webdataset\n\n"
        'shards = sorted(glob("samples-*.tar"))\n'
        "pictures = webdataset.WebDataset(shards, shardshuffle=False)\n"
        'pictures = pictures.decode("pil").to_tuple("png;jpg", "json")\n'
    ),
    "datasets": 'from datasets import load_from_disk\n\npictures = load_from_disk(".")\n',
}
_FIELDS: Final = """\
| field | what it holds |
| --- | --- |
| file_name | the picture's file |
| caption | what the picture is trained with |
| prompt, negative | what the generator read; they differ from the caption where an intervention rewrote it |
| guidance | classifier-free guidance |
| seed | of the picture's noise |
| model | fingerprint of the weights that drew it |
| made_in | the generation whose generator drew it |
| generation, index | candidate `index` of S_`generation` |
| slot | the caption slot of the training set that it answers |
| origin | who wrote the caption: `original` (the corpus) or `captioner` |
| kept | whether curation kept it |
| clip_score | the score that CLIP of that generation gave it |
| synthetic | true: no picture here is a photograph |
"""


def dataset_card(origin: Origin, layout: str, count: int, all_candidates: bool) -> str:
    """Return the card (Markdown with a YAML header) of exported pictures of S_g."""
    header: dict[str, object] = {
        "pretty_name": f"S_{origin.generation} of {origin.run}",
        "tags": ["synthetic", "generated-images", "loopsim"],
        "task_categories": ["text-to-image"],
    }
    header |= _license(origin)
    chosen = "those that curation kept" + (" and those that it dropped" if all_candidates else "")
    return "\n".join(
        [
            *_header(header),
            f"# S_{origin.generation} of the run {in_markdown(origin.run)}: synthetic pictures",
            "",
            f"**Every one of these {count} pictures is synthetic.** SD_{origin.generation - 1}, a generator "
            f"of a simulated feedback loop, drew them ({chosen}). They show no person who exists. They carry "
            "the biases of the models that drew them: that is what the loop is made to measure, so they are "
            "no sample of anybody's world.",
            "",
            *_made(origin),
            "## Fields",
            "",
            _FIELDS,
            "## Load it",
            "",
            f"```python\n{_LOADING[layout]}```",
            "",
        ]
    )


def model_card(origin: Origin, parts: Mapping[str, Sequence[str]], notes: Sequence[str]) -> str:
    """Return the card of exported models: `parts` says of each folder what it is and how to load it, `notes`
    what else is to be known.
    """
    base = [
        name
        for name in map(hub_id, (origin.config.generator.checkpoint, origin.config.captioner.model))
        if name is not None
    ]
    header: dict[str, object] = {"tags": ["loopsim", "trained-on-synthetic-data"]}
    header |= {"base_model": base} if base else {}
    lines = [
        *_header(header),
        f"# Models of generation {origin.generation} of the run {in_markdown(origin.run)}",
        "",
        "These models were trained in a simulated feedback loop, on real pictures mixed with **synthetic** "
        "ones of the generations before, to measure what that does to social bias. They are for study, not "
        "for use on people.",
        "",
        *_made(origin),
    ]
    for folder, (what, code) in parts.items():
        lines += [f"## {folder}/", "", what, "", f"```python\n{code}```", ""]
    lines += ["## To be known", "", *(f"- {note}" for note in notes), ""] if notes else []
    return "\n".join(lines)


def _made(origin: Origin) -> list[str]:
    config = origin.config
    names = [
        in_markdown(str(entry.model_dump(mode="json")["kind"]).replace("_", " "))
        for entry in config.interventions
    ]
    rows = {
        "made with": f"loopsim {origin.version}",
        "run, generation": f"{in_markdown(origin.run)}, {origin.generation} of {origin.generations}",
        "base generator": in_markdown(called(config.generator.checkpoint)),
        "base CLIP": in_markdown(called(config.clip.model)),
        "base captioner": in_markdown(called(config.captioner.model)),
        "real data": in_markdown(config.data.corpus),
        "policy, α": f"{in_markdown(config.compose.policy)}, {config.compose.at(origin.generation).alpha:g}",
        "interventions": ", ".join(names) or "none",
        "seed": str(config.seed),
        "seal": f"`{origin.seal}`, the hash of all that this generation found"
        if origin.seal
        else "none: the generation is not finished",
        "terms": "the base models' own, and those of the real data",
        "credit for the real data": in_markdown(origin.attribution)
        if origin.attribution
        else "the corpus states none",
    }
    return [
        "## How they were made",
        "",
        "| | |",
        "| --- | --- |",
        *(f"| {name} | {told} |" for name, told in rows.items()),
        "",
    ]


def _license(origin: Origin) -> dict[str, str]:
    """Return the licence as the hub spells it, where the corpus's credit line names one."""
    found = re.search(r"\bCC[ -](BY(?:-(?:SA|NC|ND))*) (\d\.\d)", origin.attribution or "")
    return {"license": f"cc-{found[1].lower()}-{found[2]}"} if found else {}


def _header(values: Mapping[str, object]) -> list[str]:
    return ["---", *(f"{name}: {in_yaml(value)}" for name, value in values.items()), "---", ""]
