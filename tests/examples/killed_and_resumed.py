"""A loop with a metric and an intervention of one's own, killed in generation 1, resumed, and plotted.

Called twice with a folder: the first call dies there (SIGKILL), the second one goes on to the end.
"""

import os
import signal
import sys
from pathlib import Path

import loopsim
from loopsim.core.events import Event, PhaseEnded
from tests.examples.own_intervention import ShortCaptions
from tests.examples.own_metric import BRIGHTNESS


def die(event: Event) -> None:
    if isinstance(event, PhaseEnded) and (event.generation, event.phase) == (1, "train_clip"):
        os.kill(os.getpid(), signal.SIGKILL)


loopsim.register(BRIGHTNESS, ShortCaptions)
folder, settings = Path(sys.argv[1]), {"evaluate.metrics": ["representation", "brightness"]}
small = {f"data.num_{split}": 24 for split in ("train", "retrieval", "faces")} | {"generate.batch_size": 8}
if not (folder / "mine").exists():
    once = {"interventions": [{"kind": "short_captions", "words": 9}], "evaluate.num_replicates": 1}
    loopsim.start("tiny", name="mine", runs_dir=folder, listener=die, **(settings | small | once))
run = loopsim.resume("mine", runs_dir=folder)
table = run.metrics("brightness").to_pandas()
figure = table.pivot(index="generation", columns="group", values="value").plot(title="brightness of D_g")
figure.get_figure().savefig(folder / "brightness.png")
print(table[table.group == "overall"].value.round(3).tolist())
