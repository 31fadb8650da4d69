"""An audit made by hand."""

from loopsim.metrics.audit import PromptAudit, audit_prompt
from loopsim.metrics.estimate import Estimate
from loopsim.report.audit import Audit, Drawing, Prompt


def audit_of_two() -> Audit:
    """Two prompts, one of them with markup in it, three pictures each; gender and age were seen."""
    prompts = [Prompt("a photo of a nurse", 0.9), Prompt("a [bold]person[/bold]")]
    genders, ages = ("man", "woman"), ("young", "old")

    def answers(values: tuple[str, ...]) -> list[PromptAudit]:
        seen = [values[1], values[1], values[0]]
        return [audit_prompt(prompt.text, seen, values) for prompt in prompts]

    slope, order = Estimate(1.5, 6, 1.1, 2.0), Estimate(0.8, 6, 0.5, 0.9)
    return Audit(
        prompts, {"gender": answers(genders), "age": answers(ages)}, slope, order, drawing_of_a_model()
    )


def audit_of_many(num_prompts: int, num_pictures: int, low: float = 1.1, high: float = 2.0) -> Audit:
    """So many prompts, each with a known share in the world, and pictures; the slope's interval as given."""
    prompts = [Prompt(f"a photo of person {number}", number / num_prompts) for number in range(num_prompts)]
    seen = ["woman"] * num_pictures
    answers = [audit_prompt(prompt.text, seen, ("man", "woman")) for prompt in prompts]
    slope = Estimate((low + high) / 2, num_prompts * num_pictures, low, high)
    return Audit(prompts, {"gender": answers}, slope, Estimate(0.8, 1, 0.5, 0.9), drawing_of_a_model())


def drawing_of_a_model() -> Drawing:
    """Steps and size are the pipeline's own, the guidance was said."""
    return Drawing(50, 3.0, 512, ("num_steps", "image_size"), "zero_shot")
