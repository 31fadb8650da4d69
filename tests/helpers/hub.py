"""A cache of the hub, as its client leaves it."""

import shutil
from pathlib import Path

FIRST = "1" * 40  # a commit


def fetched(cache: Path, name: str, model: Path, commit: str = FIRST) -> Path:
    """Put a model into the cache as the hub's client does: blobs, a snapshot of links, and a reference."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    for path in (p for p in model.rglob("*") if p.is_file()):
        link = snapshot / path.relative_to(model)
        blob = repository / "blobs" / f"{commit}{len(list(repository.rglob('*')))}"
        for place in (link, blob):
            place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, blob)
        link.symlink_to(Path(*[".."] * (len(path.relative_to(model).parts) + 1), "blobs", blob.name))
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs/main").write_text(commit)
    return snapshot
