"""An audit made by hand."""

from loopsim.metrics.audit import PromptAudit, audit_prompt
from loopsim.metrics.estimate import Estimate
from loopsim.report.audit import Audit, Prompt


def audit_of_two() -> Audit:
    """Two prompts, one of them with markup in it, three pictures each; gender and age were seen."""
    prompts = [Prompt("a photo of a nurse", 0.9), Prompt("a [bold]person[/bold]")]
    genders, ages = ("man", "woman"), ("young", "old")

    def answers(values: tuple[str, ...]) -> list[PromptAudit]:
        seen = [values[1], values[1], values[0]]
        return [audit_prompt(prompt.text, seen, values) for prompt in prompts]

    slope = Estimate(1.5, 6, 1.1, 2.0)
    return Audit(prompts, {"gender": answers(genders), "age": answers(ages)}, slope, None)
