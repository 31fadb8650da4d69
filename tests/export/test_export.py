"""What is exported is read by its own library, in a process that knows no loopsim, and is there whole or not
at all.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from loopsim.context.pictures import encode_picture
from loopsim.data.images import decode_picture
from loopsim.export.cards import dataset_card
from loopsim.export.origin import origin_of
from loopsim.store.artifacts import listing
from loopsim.store.rows import CurationRow, MetricRow, PhaseRow, ReleasedRow, SampleRow
from loopsim.store.store import Store
from tests.helpers.checkpoints import TinyModels
from tests.helpers.command_line import Done, in_runs, loopsim, loopsim_here
from tests.helpers.rows import artifact_of

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://example.org","x")',
    'two\nlines, a comma and a "quote"',
    "a nurse 👩🏿‍⚕️ smiles",
    "一张护士的照片",
    "@SUM(1+1)\tand a tab",
)


def export(run: Path, *arguments: str) -> Done:
    """Export in this process."""
    return loopsim_here("export", run.name, *arguments, *in_runs(run.parent))


def read(code: str, *arguments: str, cwd: Path | None = None) -> object:
    """What a program prints as JSON; it must not have imported loopsim."""
    guard = "\nimport sys\nassert not any(name.startswith('loopsim') for name in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", "import json, sys\n" + code + guard, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def hostile_run(finished_run: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose captions, prompts and groups are somebody else's."""
    directory = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(finished_run[0], directory)
    with Store(directory / "state.lmdb") as store:
        kept = [row.index for row in store.scan(CurationRow, 2) if row.kept]
        for index, text in zip(kept, HOSTILE, strict=False):
            row = store.get(SampleRow, 2, index)
            assert row is not None
            store.write([replace(row, caption=text, prompt=text, negative=text)])
        first = next(iter(store.scan(MetricRow, 2)))
        store.write([replace(first, group=text) for text in HOSTILE])
    return directory


def kept_of(run: Path, generation: int) -> list[SampleRow]:
    """The kept rows of S_g."""
    with Store(run / "state.lmdb", readonly=True) as store:
        kept = {row.index for row in store.scan(CurationRow, generation) if row.kept}
        return [row for row in store.scan(SampleRow, generation) if row.index in kept]


# Metrics


COLUMNS = (
    "run generation section metric group value low high n is_bias delta delta_low delta_high p_value "
    "adjusted_p verdict slope trend reason"
).split()
READERS = {
    "csv": "import pandas as pd; t = pd.read_csv(sys.argv[1], float_precision='round_trip')",
    "jsonl": "import pandas as pd; t = pd.read_json(sys.argv[1], lines=True, precise_float=True)",
    "parquet": "import pandas as pd; t = pd.read_parquet(sys.argv[1])",
}
ASKED = """
print(json.dumps({
    "columns": list(t.columns), "rows": len(t), "numbers": [str(t[c].dtype) for c in ("value", "delta", "n")],
    "bias": bool(t["is_bias"].any()) and not bool(t["is_bias"].all()), "groups": sorted(set(t["group"])),
    "verdicts": sorted(set(t["verdict"].dropna())),
    "share": t[(t.metric == "dataset_share") & (t.group == "gender=woman")][
        ["generation", "value", "delta", "adjusted_p"]].astype(object).where(lambda f: f.notna(), None)
        .values.tolist(),
}))
"""


@pytest.mark.parametrize("kind", READERS)
def test_pandas_reads_every_table_and_no_text_is_a_formula(
    kind: str, hostile_run: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"table.{kind}"
    assert export(hostile_run, "--metrics", kind, "-o", str(path)).returncode == 0
    found = read(READERS[kind] + ASKED, str(path))
    told = json.loads(loopsim_here("report", str(hostile_run), "--json").stdout)
    assert isinstance(found, dict)
    assert found["columns"] == COLUMNS
    assert found["rows"] == len(told["metrics"])
    assert found["numbers"] == ["float64", "float64", "int64"]
    assert found["bias"]
    assert "no evidence" in found["verdicts"]
    values = {
        (r["generation"]): r["value"]
        for r in told["metrics"]
        if (r["metric"], r["group"]) == ("dataset_share", "gender=woman")
    }
    drifts = {
        r["generation"]: (r["delta"], r["adjusted_p"])
        for r in told["drift"]
        if (r["metric"], r["group"]) == ("dataset_share", "gender=woman")
    }
    assert found["share"] == [[g, v, *drifts.get(g, (None, None))] for g, v in values.items()]
    dangerous = {text for text in HOSTILE if text[0] in "=@"}
    expected = {f"'{text}" if kind == "csv" and text in dangerous else text for text in HOSTILE}
    assert expected <= set(found["groups"])
    if kind == "csv":
        assert not any(group.startswith(tuple("=+-@\t\r")) for group in found["groups"])


# Samples

LOADERS = {
    "folder": """
from datasets import load_dataset
rows = load_dataset("imagefolder", data_dir=sys.argv[1], split="train", cache_dir=sys.argv[2])
rows = [(row.pop("image").size, row) for row in rows]
""",
    "datasets": """
from datasets import load_from_disk
rows = [(row.pop("image").size, row) for row in load_from_disk(sys.argv[1])]
""",
    "webdataset": """
from glob import glob
import webdataset
shards = sorted(glob(sys.argv[1] + "/samples-*.tar"))
found = webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple("png;jpg", "json", "txt")
rows = [(image.size, row) for image, row, text in found if text == row["caption"]]
""",
}


@pytest.mark.parametrize("layout", LOADERS)
def test_its_own_library_loads_the_pictures_with_their_lineage(
    layout: str, hostile_run: Path, tmp_path: Path
) -> None:
    place = tmp_path / "s2"
    done = export(hostile_run, "--samples", layout, "-g", "2", "-o", str(place))
    assert done.returncode == 0, done.stderr
    rows = read(LOADERS[layout] + "print(json.dumps(rows))", str(place), str(tmp_path / "cache"))
    known = kept_of(hostile_run, 2)
    assert isinstance(rows, list)
    assert [size for size, _ in rows] == [[64, 64]] * len(known)
    by_seed = {row["seed"]: row for _, row in rows}
    assert len(by_seed) == len(known)
    for row in known:
        told = by_seed[row.seed]
        assert told["caption"] == row.caption
        assert (told["prompt"], told["negative"], told["model"]) == (row.prompt, row.negative, row.model)
        assert (told["made_in"], told["slot"], told["origin"]) == (1, row.slot, row.origin)
        assert (told["guidance"], told["kept"], told["synthetic"]) == (2.0, True, True)
        assert 0 < told["clip_score"] < 1
    assert set(HOSTILE) <= {row["caption"] for _, row in rows}
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_pillow_opens_the_very_bytes_that_were_stored(hostile_run: Path, tmp_path: Path) -> None:
    place = tmp_path / "s2"
    assert export(hostile_run, "--samples", "folder", "-g", "2", "-o", str(place)).returncode == 0
    stored = {f"g2-{row.index:06d}.png": row.picture for row in kept_of(hostile_run, 2)}
    assert {path.name: path.read_bytes() for path in place.glob("*.png")} == stored
    sizes = read(
        "from pathlib import Path; from PIL import Image\n"
        "print(json.dumps([Image.open(p).size for p in Path(sys.argv[1]).glob('*.png')]))",
        str(place),
    )
    assert sizes == [[64, 64]] * len(stored)


def test_all_candidates_are_those_that_were_dropped_too(hostile_run: Path, tmp_path: Path) -> None:
    place = tmp_path / "all"
    done = export(hostile_run, "--samples", "folder", "-g", "1", "--all-candidates", "-o", str(place))
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (place / "metadata.jsonl").read_text().splitlines()]
    with Store(hostile_run / "state.lmdb", readonly=True) as store:
        kept = {row.index: row.kept for row in store.scan(CurationRow, 1)}
    assert {row["index"]: row["kept"] for row in rows} == kept
    assert False in kept.values()


def test_shards_are_small_enough_and_the_same_each_time(hostile_run: Path, tmp_path: Path) -> None:
    from loopsim.export.samples import SampleChoice, export_samples

    for name in ("a", "b"):
        export_samples(hostile_run, SampleChoice(2, shard_bytes=30_000), "webdataset", tmp_path / name)
    shards = {path.name: path.read_bytes() for path in (tmp_path / "a").glob("*.tar")}
    assert len(shards) > 1
    assert sorted(shards) == [f"samples-{number:06d}.tar" for number in range(len(shards))]
    assert max(map(len, shards.values())) <= 30_000 + 10_240  # and the end of a tar file
    assert shards == {path.name: path.read_bytes() for path in (tmp_path / "b").glob("*.tar")}
    assert (tmp_path / "a/README.md").read_text() == (tmp_path / "b/README.md").read_text()


def test_the_card_says_that_they_are_synthetic_and_how_they_were_made(
    finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    run = finished_run[0]
    assert export(run, "--samples", "folder", "-g", "2", "-o", str(tmp_path / "s2")).returncode == 0
    card = (tmp_path / "s2/README.md").read_text()
    header = read(
        "from huggingface_hub import DatasetCard\n"
        "print(json.dumps(DatasetCard.load(sys.argv[1]).data.to_dict()))",
        str(tmp_path / "s2/README.md"),
    )
    assert isinstance(header, dict)
    assert "synthetic" in header["tags"]
    assert header["license"] == "cc-by-sa-4.0"
    with Store(run / "state.lmdb", readonly=True) as store:
        commit = store.get(PhaseRow, 2, "commit")
    assert commit is not None
    assert commit.seal is not None
    for told in ("synthetic", "loopsim 0.1.0", "OpenMoji", "substitute, 0.5", commit.seal.hash, "SD_1"):
        assert told in card


# Models

PLAIN = """
import diffusers, open_clip, torch, transformers
base, place = sys.argv[1:]
pipeline = diffusers.StableDiffusionPipeline.from_pretrained(base)
pipeline.set_progress_bar_config(disable=True)
def draw():
    generator = torch.Generator().manual_seed(0)
    return pipeline("a man", num_inference_steps=1, height=32, width=32, generator=generator,
                    output_type="np").images[0]
before = draw()
pipeline.load_lora_weights(place + "/generator")
moved = float(abs(draw() - before).max())
model, transform = open_clip.create_model_from_pretrained(f"local-dir:{place}/clip")
tokens = open_clip.get_tokenizer(f"local-dir:{place}/clip")(["a man"])
words = transformers.AutoModelForCausalLM.from_pretrained(place + "/captioner")
tokenizer = transformers.AutoTokenizer.from_pretrained(place + "/captioner")
print(json.dumps([moved, list(model.encode_text(tokens).shape), len(tokenizer) <= words.config.vocab_size]))
"""


@pytest.mark.slow
def test_plain_libraries_load_the_models(
    clean: tuple[Path, str], tiny_models: TinyModels, tmp_path: Path
) -> None:
    place = tmp_path / "models"
    done = export(clean[0], "--models", "-g", "1", "-o", str(place))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"CLIP_1, captioner_1, SD_1: {place}\n"
    found = read(PLAIN, str(tiny_models["sd"]), str(place))
    assert isinstance(found, list)
    assert found[0] > 0
    assert found[1][0] == 1
    assert found[2]
    assert listing(place / "clip") == listing(artifact_of(clean[0], 1, "train_clip", "clip"))
    card = (place / "README.md").read_text()
    assert "synthetic" in card
    assert str(tiny_models["sd"]) not in card  # where it lies on this machine is nobody else's business
    assert tiny_models["sd"].name in card


@pytest.mark.slow
@pytest.mark.parametrize(
    "what", ["--models", "--samples folder", "--samples webdataset", "--samples datasets"]
)
def test_a_cards_programs_run_as_they_stand(
    what: str, finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    place = tmp_path / "out"
    assert export(finished_run[0], *what.split(), "-g", "1", "-o", str(place)).returncode == 0
    programs = re.findall(r"```python\n(.*?)```", (place / "README.md").read_text(), re.DOTALL)
    assert len(programs) == (3 if what == "--models" else 1)
    if what != "--models":
        programs.append("assert sum(1 for _ in pictures) == 12")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(programs)],
        capture_output=True,
        text=True,
        cwd=place,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_last_generation_has_no_generator_and_damaged_weights_stay_where_they_are(
    clean: tuple[Path, str], tmp_path: Path
) -> None:
    done = export(clean[0], "--models", "-g", "2", "-o", str(tmp_path / "m2"))
    assert done.stdout == f"CLIP_2, captioner_2: {tmp_path / 'm2'}\n"
    assert "There is no SD_2" in (tmp_path / "m2/README.md").read_text()
    run = tmp_path / "run"
    shutil.copytree(clean[0], run)
    weights = artifact_of(run, 1, "train_clip", "clip") / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    done = export(run, "--models", "-g", "1", "-o", str(tmp_path / "m1"))
    assert done.returncode == 8
    assert "open_clip_model.safetensors" in done.stderr
    assert not (tmp_path / "m1").exists()


# Whole or not at all


def test_nothing_is_written_over_and_the_run_stays_as_it_is(
    finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    run = finished_run[0]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    for arguments, told in (
        (("--samples", "folder", "-g", "2", "-o", str(mine)), "is there already"),
        (("--metrics", "csv", "-o", str(mine / "thesis.txt")), "is there already"),
        (("--metrics", "csv", "-o", str(tmp_path / "no/where.csv")), "there is no folder"),
        (("--models", "-g", "1", "-o", str(run / "artifacts/x")), "inside the run"),
        (("--metrics", "csv"), "say where to with -o"),
        (("-o", str(tmp_path / "x")), "nothing is asked for"),
        (("--metrics", "csv", "--models", "-o", str(tmp_path / "x")), "one export at a time"),
        (("--samples", "folder", "-o", str(tmp_path / "x")), "of which generation"),
        (("--samples", "folder", "-g", "0", "-o", str(tmp_path / "x")), "generation 0 is real data only"),
        (("--samples", "folder", "-g", "3", "-o", str(tmp_path / "x")), "no generation 3"),
        (("--metrics", "csv", "-g", "1", "-o", str(tmp_path / "x")), "--metrics has every generation"),
    ):
        done = export(run, *arguments)
        assert done.returncode != 0
        assert told in " ".join(done.stderr.split()), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (mine / "thesis.txt").read_text() == "mine"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert export(run, "--samples", "folder", "-g", "2", "-o", str(empty)).returncode == 0
    assert (empty / "README.md").is_file()


WHAT = [
    ("--samples", "folder", "-g", "1"),
    ("--metrics", "csv"),
    pytest.param(("--models", "-g", "1"), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("what", WHAT)
def test_a_failing_export_leaves_nothing_and_a_killed_one_nothing_half(
    what: tuple[str, ...], finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    run, place = finished_run[0], tmp_path / "out"
    arguments = ("export", str(run), *what, "-o", str(place))
    failed = loopsim(*arguments, fault="export.written:1:ENOSPC")
    assert failed.returncode == 2
    assert "No space left" in failed.stderr
    assert list(tmp_path.iterdir()) == []
    assert loopsim(*arguments, fault="export.written:1").returncode == -9
    assert not place.exists()
    done = loopsim(*arguments)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # what the dead one left is gone


def test_what_is_not_there_is_told(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    run = tmp_path / "runs" / "run"
    shutil.copytree(finished_run[0], run)
    with Store(run / "state.lmdb") as store:
        store.write([ReleasedRow(0, "train_clip", "last")])
        store.write([], [(PhaseRow, (1, "generate")), (PhaseRow, (2, "train_clip"))])
    for arguments, told in (
        (("--models", "-g", "0"), "were let go"),
        (("--samples", "folder", "-g", "2"), "S_2 is not drawn to its end yet"),
        (("--models", "-g", "2"), "CLIP_2 is not trained to its end yet"),
    ):
        done = export(run, *arguments, "-o", str(tmp_path / "x"))
        assert done.returncode != 0
        assert told in " ".join(done.stderr.split()), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_package_that_is_missing_is_named_with_its_extra(
    finished_run: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, arguments in (
        ("pyarrow", ("--metrics", "parquet")),
        ("datasets", ("--samples", "datasets", "-g", "1")),
    ):
        monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
        done = export(finished_run[0], *arguments, "-o", str(tmp_path / "x"))
        assert done.returncode == 2
        assert "pip install 'loopsim[datasets]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_jpeg_is_called_one_and_what_is_no_picture_is_refused(
    finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run[0], run)
    row = kept_of(run, 2)[0]
    jpeg = encode_picture(decode_picture(row.picture), "jpeg")
    with Store(run / "state.lmdb") as store:
        store.write([replace(row, picture=jpeg)])
    assert export(run, "--samples", "folder", "-g", "2", "-o", str(tmp_path / "s2")).returncode == 0
    assert (tmp_path / f"s2/g2-{row.index:06d}.jpg").read_bytes() == jpeg
    with Store(run / "state.lmdb") as store:
        store.write([replace(row, picture=b"<svg onload=alert(1)>")])
    done = export(run, "--samples", "folder", "-g", "2", "-o", str(tmp_path / "bad"))
    assert done.returncode == 8
    assert "no PNG or JPEG picture" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "s2"]


@pytest.mark.parametrize(("generation", "alpha"), [(0, "0.25"), (1, "0.25"), (2, "0.75")])
def test_a_card_tells_the_alpha_of_its_own_generation(
    generation: int, alpha: str, finished_run: tuple[Path, str]
) -> None:
    with Store(finished_run[0] / "state.lmdb", readonly=True) as store:
        origin = origin_of(store, finished_run[0], generation)
    compose = origin.config.compose.model_copy(update={"alpha": (0.25, 0.75)})
    scheduled = replace(origin, config=origin.config.model_copy(update={"compose": compose}))
    assert f"| policy, α | substitute, {alpha} |" in dataset_card(scheduled, "folder", 1, False)
