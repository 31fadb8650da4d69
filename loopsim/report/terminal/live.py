"""Shows a loop while it runs: bars in a terminal, plain lines through a pipe."""

from pathlib import Path
from typing import Self, final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from loopsim.config import ResolvedConfig
from loopsim.core.events import (
    CorpusRead,
    Event,
    Fact,
    ImagesDrawn,
    PhaseEnded,
    PhaseStarted,
    RunOpened,
    StepTrained,
)
from loopsim.phases.policies.policy import POLICIES
from loopsim.report.safe_text import safe


@final
class _Note(ProgressColumn):
    """What the phase under way says of itself beside its bar."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("note", "")))


@final
class LiveProgress:
    """A listener: one bar for the whole loop and one for the phase under way with its estimate, and a line
    for each phase that ends, with what it found or why it stopped; `brief`: only for those that stop.
    """

    def __init__(self, console: Console, *, brief: bool = False) -> None:
        self.console, self._brief = console, brief
        self._run = ""
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            _Note(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._loop = self._bars.add_task("opening the run", total=None, note="")
        self._phase = self._bars.add_task("", total=None, note="", visible=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case CorpusRead(split, done):
                if done % 100 == 0:
                    self._bars.update(self._loop, description=f"reading {split}", completed=done)
            case RunOpened():
                self._opened(event)
            case PhaseStarted(generation, phase):
                self._bars.update(self._loop, description=f"{self._run}, generation {generation}")
                self._bars.reset(self._phase, description=f"  {phase}", total=None, note="", visible=True)
            case StepTrained(step=step, num_steps=num_steps, loss=loss):
                self._bars.update(self._phase, completed=step, total=num_steps, note=f"loss {loss:.3f}")
            case ImagesDrawn(done=done, total=total):
                self._bars.update(self._phase, completed=done, total=total, note="images")
            case PhaseEnded():
                self._ended(event)

    def _opened(self, event: RunOpened) -> None:
        self._run = Path(event.run).name
        self._bars.reset(
            self._loop, total=event.num_phases, completed=event.num_finished, description=self._run
        )
        for change in event.changes:
            told = f"[yellow]not as in the last attempt:[/yellow] {safe(change)}"
            self.console.print(f"{told}; results may differ in their last bits", highlight=False)

    def _ended(self, event: PhaseEnded) -> None:
        if event.outcome == "finished":
            self._bars.advance(self._loop)
            if self._brief:
                return
            told = f"[dim]{safe(', '.join(f'{_name(k)} {_value(v)}' for k, v in event.facts.items()))}[/dim]"
        elif event.outcome == "interrupted":
            told = "[yellow]interrupted[/yellow]"
        else:
            first_line = (event.error or "").split("\n")[0]
            told = f"[red]failed:[/red] {safe(first_line)}"
        self.console.print(
            f"[dim]g{event.generation}[/dim] {event.phase:<16} {event.seconds:6.1f} s  {told}",
            highlight=False,
        )


def print_run(console: Console, directory: Path, config: ResolvedConfig) -> None:
    """Print which run goes on, and what its generations do, in a sentence."""
    compose, generate = config.compose, config.generate
    alpha = f" α={compose.alpha}" if POLICIES.get(compose.policy).uses_alpha else ""
    does = (
        f"{compose.policy}{alpha}, {config.finetune.method} from {config.finetune.start}, "
        f"{generate.prompts} prompts, {generate.curation}"
    )
    does += "".join(f", {entry.kind}" for entry in config.interventions)
    which = f"run [bold]{safe(str(directory))}[/bold]"
    console.print(f"{which}: baseline and {config.generations} generations, {safe(does)}")


def _name(fact: str) -> str:
    return fact.removeprefix("num_").replace("_", " ")


def _value(fact: Fact) -> str:
    return "n/a" if fact is None else f"{fact:.3f}" if isinstance(fact, float) else str(fact)
