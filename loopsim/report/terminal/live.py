"""Shows a loop while it runs: bars in a terminal, plain lines through a pipe."""

from pathlib import Path
from typing import Self, final

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
    TrackerLost,
    TrackerOpened,
)
from loopsim.core.text import printable
from loopsim.phases.policies.policy import POLICIES
from loopsim.report.terminal.screen import Screen, marked


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

    def __init__(self, console: Screen, *, brief: bool = False) -> None:
        self.console, self._brief = console, brief
        self._run = ""
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
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
                self._bars.reset(
                    self._phase, description=f"  {in_words(phase)}", total=None, note="", visible=True
                )
            case StepTrained(step=step, num_steps=num_steps, loss=loss):
                self._bars.update(self._phase, completed=step, total=num_steps, note=f"loss {loss:.3f}")
            case ImagesDrawn(done=done, total=total):
                self._bars.update(self._phase, completed=done, total=total, note="images")
            case PhaseEnded():
                self._ended(event)
            case TrackerOpened(tracker, look):
                if not self._brief:
                    self.console.print(marked("[dim]{} follows:[/dim] {}", tracker, look), soft_wrap=True)
            case TrackerLost(tracker, reason):
                told = "[yellow]{} follows no more:[/yellow] {}"
                self.console.print(marked(told, tracker, reason), soft_wrap=True)

    def _opened(self, event: RunOpened) -> None:
        self._run = printable(Path(event.run).name)
        self._bars.reset(
            self._loop, total=event.num_phases, completed=event.num_finished, description=self._run
        )
        for change in event.changes:
            told = "[yellow]not as in the last attempt:[/yellow] {}"
            self.console.print(marked(told, change))

    def _ended(self, event: PhaseEnded) -> None:
        if event.outcome == "finished":
            self._bars.advance(self._loop)
            if self._brief:
                return
            facts = ", ".join(f"{_name(fact)} {_value(value)}" for fact, value in event.facts.items())
            told = marked("[dim]{}[/dim]", facts)
        elif event.outcome == "interrupted":
            told = marked("[yellow]interrupted[/yellow]")
        else:
            told = marked("[red]failed:[/red] {}", (event.error or "").split("\n")[0])
        phase, seconds = f"{in_words(event.phase):<16}", f"{event.seconds:6.1f}"
        place = marked("[dim]g{}[/dim] {} {} s  ", event.generation, phase, seconds)
        self.console.print(place + told)


def print_run(console: Screen, directory: Path, config: ResolvedConfig) -> None:
    """Print which run goes on, and what its generations do, in a sentence."""
    compose, generate = config.compose, config.generate
    alphas = compose.alpha if isinstance(compose.alpha, tuple) else (compose.alpha,)
    alpha = f" α={', '.join(f'{one:g}' for one in alphas)}" if POLICIES.get(compose.policy).uses_alpha else ""
    does = (
        f"{compose.policy}{alpha}, {config.finetune.method} from {config.finetune.start}, "
        f"{generate.prompts} prompts, {generate.curation}"
    )
    does += "".join(f", {entry.kind}" for entry in config.interventions)
    told = "run [bold]{}[/bold]: baseline and {} generations, {}"
    console.print(marked(told, directory, config.generations, does))


def in_words(phase: str) -> str:
    """Return a phase's name for people: of a replicate of the baseline "train_clip, again 1"."""
    name, _, replicate = phase.partition("#")
    return f"{name}, again {replicate}" if replicate else name


def _name(fact: str) -> str:
    return fact.removeprefix("num_").replace("_", " ")


def _value(fact: Fact) -> str:
    return "n/a" if fact is None else f"{fact:.3f}" if isinstance(fact, float) else str(fact)
