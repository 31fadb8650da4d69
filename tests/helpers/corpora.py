"""Small corpora in their publishers' own on-disk formats."""

import csv
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

GENDERS, TONES = ("man", "woman"), ("lighter", "darker")


def picture(seed: int, size: tuple[int, int] = (40, 36)) -> Image.Image:
    """A picture that no other seed gives."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR)


def pictures(n: int) -> torch.Tensor:
    """So many pictures, uint8 [n, 32, 32, 3]."""
    return torch.from_numpy(np.stack([np.asarray(picture(i, (32, 32))) for i in range(n)]))


def encoded(seed: int, format_: str = "JPEG", size: tuple[int, int] = (40, 36)) -> bytes:
    buffer = io.BytesIO()
    picture(seed, size).save(buffer, format=format_)
    return buffer.getvalue()


def person(seed: int) -> tuple[str, str, str]:
    """Gender, skin tone and a caption."""
    gender, tone = GENDERS[seed % 2], TONES[seed // 2 % 2]
    return gender, tone, f"a photo of a {gender} with {'light' if tone == 'lighter' else 'dark'} skin"


def folder(root: Path, num_pictures: int = 24, table: str = "captions.csv", first: int = 0) -> Path:
    """Pictures with a CSV or JSONL: two rows (captions) for every fourth picture."""
    root.mkdir(parents=True)
    rows = []
    for i in range(first, first + num_pictures):
        gender, tone, caption = person(i)
        name = f"pictures/{i:03d}.png" if i % 3 else f"pictures/{i:03d}.jpg"
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(encoded(i, "PNG" if i % 3 else "JPEG"))
        rows.append(
            {"file": name, "caption": caption, "sex": "F" if gender == "woman" else "M", "skin": tone}
        )
        if i % 4 == 0:
            rows.append(rows[-1] | {"caption": f"the {gender}"})
    with (root / table).open(
        "w", newline="", encoding="utf-8-sig" if table.endswith(".csv") else "utf-8"
    ) as file:
        if table.endswith(".csv"):
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return root


def folder_source(root: Path, **more) -> dict:
    """The config of a source that reads `folder`'s pictures."""
    return {"format": "folder", "path": str(root), "labels": {"gender": "sex", "skin_tone": "skin"}} | more


def bad_folder(tmp_path: Path) -> Path:
    """A folder in whose rows nearly everything is wrong that can be: four of its eight pictures are fine."""
    root = folder(tmp_path / "bad", 8)
    (root / "pictures/001.png").write_bytes(encoded(1, "JPEG"))  # lies about its format
    (root / "pictures/002.png").write_bytes(encoded(2, "PNG")[:60])  # cut short
    (root / "pictures/004.png").write_text("<html>404</html>")
    buffer = io.BytesIO()
    Image.new("1", (50_000, 40)).save(buffer, format="PNG")
    (root / "pictures/005.png").write_bytes(buffer.getvalue())
    with (root / "captions.csv").open("a") as table:
        table.write(
            "pictures/007.png,,F,lighter\n../secret.png,a caption,F,lighter\n,no "
            "file,M,darker\npictures/missing.jpg,gone,M,darker\n"
        )
        table.write(
            f"pictures/000.jpg,{'word ' * 10_000},M,lighter\npictures/003.jpg,again,alien,lighter\n"
            "/etc/passwd,x,M,lighter\n"
        )
        table.write("pictures/006.jpg,\x1b[31mred\x1b[0m [bold]x[/bold] <script>,M,lighter\n")
    return root


def coco(root: Path, num_pictures: int = 8) -> Path:
    """val2014 images, captions_val2014.json, dataset_coco.json, and Zhao et al.'s images_val2014.csv."""
    (root / "val2014").mkdir(parents=True)
    (root / "annotations").mkdir()
    images, annotations, karpathy, labels = [], [], [], []
    for i in range(num_pictures):
        image_id, name = 1000 + i, f"COCO_val2014_{1000 + i:012d}.jpg"
        (root / "val2014" / name).write_bytes(encoded(i))
        gender, tone, caption = person(i)
        images.append(
            {
                "license": 3,
                "file_name": name,
                "coco_url": f"http://x/{name}",
                "height": 36,
                "width": 40,
                "date_captured": "",
                "id": image_id,
            }
        )
        texts = [f"{caption} {word}" for word in ("one", "two", "three", "four", "five.\n")]
        annotations += [
            {"image_id": image_id, "id": 10 * i + j, "caption": text} for j, text in enumerate(texts)
        ]
        sentences = [
            {"tokens": text.split(), "raw": text, "imgid": i, "sentid": 10 * i + j}
            for j, text in enumerate(texts)
        ]
        split = ("train", "restval", "val", "test")[i % 4]
        karpathy.append(
            {
                "filepath": "val2014",
                "sentids": [],
                "filename": name,
                "imgid": i,
                "split": split,
                "sentences": sentences,
                "cocoid": image_id,
            }
        )
        word = "Light" if tone == "lighter" else "Dark"
        labels.append(
            {
                "id": image_id,
                "split": "val",
                "bb_gender": "Female" if gender == "woman" else "Male",
                "bb_skin": word,
                "skin": f"['{word}']",
            }
        )
    labels[0] |= {"bb_gender": "Both", "skin": "['Light', 'Dark']"}
    labels[1] |= {"bb_gender": "Unsure", "bb_skin": "Unsure", "skin": "['Unsure']"}
    content = {"info": {}, "images": images, "licenses": [], "annotations": annotations}
    (root / "annotations" / "captions_val2014.json").write_text(json.dumps(content))
    (root / "dataset_coco.json").write_text(json.dumps({"images": karpathy, "dataset": "coco"}))
    with (root / "images_val2014.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "split", "bb_gender", "bb_skin", "skin"])
        writer.writeheader()
        writer.writerows(labels[:-1])
    return root


def write_tar(path: Path, members: Sequence[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def shards(root: Path, num_shards: int = 2, per_shard: int = 5) -> Path:
    """img2dataset's shards: 00000.tar with 000000000.jpg, .txt and .json; the last sample of each shard has a
    record, but no picture.
    """
    root.mkdir(parents=True)
    for shard in range(num_shards):
        members = []
        for i in range(per_shard + 1):
            seed, key = shard * per_shard + i, f"{shard:05d}{i:04d}"
            gender, tone, caption = person(seed)
            status = "success" if i < per_shard else "failed_to_download"
            record = {
                "caption": caption,
                "url": f"http://x/{key}",
                "key": key,
                "status": status,
                "width": 40,
                "height": 36,
                "gender": gender,
                "skin": tone,
            }
            if i < per_shard:
                members += [(f"{key}.jpg", encoded(seed)), (f"{key}.txt", caption.encode())]
            members.append((f"{key}.json", json.dumps(record).encode()))
        write_tar(root / f"{shard:05d}.tar", members)
    return root


FAIRFACE_AGES = ("0-2", "9-Mar", "19-Oct", "20-29", "3-9", "10-19", "more than 70", "50-59")
RACES = ("East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic", "Southeast Asian")


def fairface(root: Path, num_pictures: int = 8) -> Path:
    (root / "train").mkdir(parents=True)
    with (root / "fairface_label_train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "age", "gender", "race", "service_test"])
        for i in range(num_pictures):
            (root / "train" / f"{i + 1}.jpg").write_bytes(encoded(i))
            writer.writerow(
                [
                    f"train/{i + 1}.jpg",
                    FAIRFACE_AGES[i % 8],
                    ("Male", "Female")[i % 2],
                    RACES[i % 7],
                    i % 2 == 0,
                ]
            )
    return root


def phase(root: Path) -> Path:
    """Three pictures: two people who agree; two who differ; one by three annotators. As region-level and as
    all-annotations files.
    """
    (root / "phase_images").mkdir(parents=True)
    for i in range(3):
        (root / "phase_images" / f"{i}.jpg").write_bytes(encoded(i, size=(60, 50)))
    adult = {
        "age": "adult",
        "gender": "male",
        "skin-tone": "lighter",
        "ethnicity": "white",
        "emotion": "neutral",
        "activity": "posing",
    }
    child = adult | {"age": "children", "gender": "female", "ethnicity": "disagreement"}
    content = {
        "0.jpg": {"caption": "two men", "person1": {"region": [0, 0, 30, 50], "annotations": adult},
                  "person2": {"region": [30, 0, 60, 50], "annotations": adult}},
        "1.jpg": {"caption": "a father and his child",
                  "person1": {"region": [5, 5, 25, 45], "annotations": adult},
                  "person2": {"region": [30, 10, 55, 40], "annotations": child}},
        "2.jpg": {"caption": "someone",
                  "person1": {"region": [1, 2, 50, 40],
                              "annotations": child | {"gender": "unsure", "age": "child"}}},
    }  # fmt: skip
    (root / "phase_gcc_val_regions_20221101.json").write_text(json.dumps(content))
    answers = [
        {"worker": f"w{i}", **adult, "gender": gender}
        for i, gender in enumerate(("male", "female", "female"))
    ]
    answers[0]["age"] = answers[1]["age"] = "senior"
    answers[2]["ethnicity"], answers[1]["ethnicity"] = "black", "indian"
    everyone = {
        "2.jpg": {"caption": "someone", "person1": {"region": [1, 2, 50, 40], "annotations": answers}}
    }
    (root / "phase_gcc_val_all_20221101.json").write_text(json.dumps(everyone))
    return root


def saved_dataset(root: Path, num_pictures: int = 6) -> Path:
    import datasets

    rows = {"image": [], "text": [], "gender": []}
    for i in range(num_pictures):
        rows["image"].append({"bytes": encoded(i, "PNG"), "path": None})
        rows["text"].append(person(i)[2])
        rows["gender"].append(person(i)[0])
    features = datasets.Features(
        {"image": datasets.Image(), "text": datasets.Value("string"), "gender": datasets.Value("string")}
    )
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows, features=features)}).save_to_disk(root)
    return root
