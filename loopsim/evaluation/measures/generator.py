"""Whom the generator draws when a prompt leaves it open."""

from collections.abc import Iterator

import numpy as np

from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import Measure, Measured
from loopsim.evaluation.measures.representation import shares, without_label
from loopsim.metrics import harms as harm_metrics
from loopsim.metrics.audit import shares_against_world
from loopsim.metrics.estimate import Disaggregated, Estimate, not_available, quotient

# Who takes and who gives orders, among the corpus's professions.
SUBORDINATE, DOMINANT = ("receptionist", "administrator", "cook"), ("judge", "doctor", "pilot")


def neutral_prompts(e: Evaluation) -> Iterator[Measured]:
    """Shares of groups over all neutral prompts, and the share of women per profession against the
    world's.
    """
    labels = e.audit_labels
    weights = e.weights(len(labels), "audit")
    for name, estimates in shares("generator", e, labels, e.attributes, weights):
        yield Measured(name, estimates, baseline=1)
    for name, estimates in without_label("generator", e, labels, weights):
        yield Measured(name, estimates, baseline=1)
    if "gender" not in e.classifier.values:
        return
    seen = np.array([label["gender"] != "" for label in labels], bool)
    women = np.array([label["gender"] == "woman" for label in labels], np.float32)
    professions = [item.profession for item, shows in zip(e.audit_plan, seen, strict=True) if shows]
    found = shares_against_world(women[seen], professions, e.world_women, weights[:, seen], "profession")
    yield Measured("women_per_profession", found["distance"], np.where(seen, women, np.nan), baseline=1)
    for name in ("slope", "rank_correlation", "majority_share"):
        yield Measured(f"profession_{name}", found[name], baseline=1)


GENERATOR = Measure("generator", "generator", asks_model=True, body=neutral_prompts, draws_audit=True)


def harms(e: Evaluation) -> Iterator[Measured]:
    """Omission: a group's share over neutral prompts by its share in the world. Subordination: women's share
    in lesser roles by that in greater.
    """
    labels = e.audit_labels
    world = {
        ("gender", "woman"): float(np.mean(list(e.world_women.values()))),
        ("skin_tone", "darker"): e.corpus.world_darker(),
    }
    world = {
        (attribute, value): share
        for (attribute, value), share in world.items()
        if value in e.classifier.values.get(attribute, ())
    }
    if not world:
        return
    weights = e.weights(len(labels), "audit")
    omitted = Disaggregated()
    for (attribute, value), reference in world.items():
        seen = np.array([label[attribute] != "" for label in labels], np.float32)
        n = int(seen.sum())
        if n == 0 or reference <= 0:
            omitted[f"{attribute}={value}"] = not_available(n, "no pictures, or a group that the world lacks")
            continue
        member = np.array([label[attribute] == value for label in labels], np.float32)
        ratio = harm_metrics.omission(int(member.sum()), n, reference)
        expected = ((weights @ seen).astype(np.float64) * reference).astype(np.float32)
        replicates = quotient(weights @ member, expected)
        omitted[f"{attribute}={value}"] = Estimate(ratio.value, n, ratio.low, ratio.high, replicates)
    yield Measured("omission", omitted, baseline=1)
    if "gender" in e.classifier.values:
        women = np.array([label["gender"] == "woman" for label in labels], bool)
        lesser, greater = (
            np.array(
                [
                    item.profession in roles and label["gender"] != ""
                    for item, label in zip(e.audit_plan, labels, strict=True)
                ],
                bool,
            )
            for roles in (SUBORDINATE, DOMINANT)
        )
        found = harm_metrics.resampled_subordination(women, lesser, greater, weights)
        yield Measured("subordination", Disaggregated({"gender=woman": found}), baseline=1)


HARMS = Measure("harms", "generator", asks_model=True, body=harms, draws_audit=True)
