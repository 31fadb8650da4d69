"""What D_g is made of, under each policy."""

from hypothesis import given
from hypothesis import strategies as st

from loopsim.config import ComposeConfig
from loopsim.phases.compose import num_needed, select_sources
from loopsim.phases.policies.policy import Source, num_replaced

SLOTS = st.integers(1, 60)
ALPHA = st.floats(0, 1)
DRAW = st.sampled_from(["exact", "probability"])


def kept_samples(num_slots: int, generation: int) -> dict[int, list[int]]:
    return {k: list(range(num_slots)) for k in range(1, generation + 1)}


def real_pictures(sources: list[Source]) -> set[tuple[int, int | None]]:
    """The real pictures as (draw, slot)."""
    return {(source.index, source.slot) for source in sources if source.made_for == 0}


@given(SLOTS, st.sampled_from(["substitute", "replace", "accumulate", "accumulate_subsample", "fresh_real"]))
def test_the_baseline_is_all_real_data(num_slots: int, policy: str) -> None:
    sources = select_sources(ComposeConfig(policy=policy), num_slots, 0, {}, 0)
    assert real_pictures(sources) == {(0, slot) for slot in range(num_slots)}
    assert len(sources) == num_slots


@given(SLOTS, ALPHA, ALPHA, DRAW)
def test_replaced_sets_are_nested_as_alpha_grows(num_slots: int, a: float, b: float, draw: str) -> None:
    small, large = (
        select_sources(ComposeConfig(alpha=alpha, draw=draw), num_slots, 1, kept_samples(num_slots, 1), 0)
        for alpha in sorted((a, b))
    )
    assert real_pictures(large) <= real_pictures(small)
    generated = [[s.index for s in sources if s.made_for] for sources in (small, large)]
    assert set(generated[0]) <= set(generated[1])


@given(SLOTS, ALPHA)
def test_the_exact_share_is_exact_and_every_slot_is_filled_once(num_slots: int, alpha: float) -> None:
    config = ComposeConfig(alpha=alpha)
    sources = select_sources(config, num_slots, 1, kept_samples(num_slots, 1), 0)
    assert len(sources) == num_slots
    assert (
        sum(source.made_for == 1 for source in sources)
        == round(alpha * num_slots)
        == num_needed(config, num_slots, 1, 0)
    )


def test_the_probability_draw_is_near_its_share() -> None:
    config = ComposeConfig(alpha=0.3, draw="probability")
    assert abs(num_replaced(config, 20_000, 1, 0) / 20_000 - 0.3) < 0.02


@given(SLOTS, st.integers(1, 4))
def test_replace_keeps_nothing_real(num_slots: int, generation: int) -> None:
    sources = select_sources(
        ComposeConfig(policy="replace"), num_slots, generation, kept_samples(num_slots, generation), 0
    )
    assert [source.made_for for source in sources] == [generation] * num_slots


@given(SLOTS, st.integers(1, 4))
def test_accumulate_grows_and_its_subsample_does_not(num_slots: int, generation: int) -> None:
    kept = kept_samples(num_slots, generation)
    union = select_sources(ComposeConfig(policy="accumulate"), num_slots, generation, kept, 0)
    subsample = select_sources(ComposeConfig(policy="accumulate_subsample"), num_slots, generation, kept, 0)
    assert len(union) == num_slots * (generation + 1)
    assert len(subsample) == num_slots
    assert all(source in union for source in subsample)
    assert len(set(subsample)) == num_slots


@given(SLOTS, st.integers(1, 4))
def test_fresh_real_never_repeats_a_real_picture(num_slots: int, generation: int) -> None:
    config = ComposeConfig(policy="fresh_real", alpha=0.25)
    sets = [
        real_pictures(select_sources(config, num_slots, g, kept_samples(num_slots, generation), 0))
        for g in range(generation + 1)
    ]
    assert sum(map(len, sets)) == len(set().union(*sets))
