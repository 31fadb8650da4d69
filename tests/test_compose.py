"""What D_g is made of, under each policy."""

from hypothesis import given
from hypothesis import strategies as st

from loopsim.config import ComposeConfig
from loopsim.phases.compose import num_needed, num_replaced, select_sources

SLOTS = st.integers(1, 60)
ALPHA = st.floats(0, 1)
DRAW = st.sampled_from(["exact", "probability"])


def kept_samples(num_slots: int, generation: int) -> dict[int, list[int]]:
    return {k: list(range(num_slots)) for k in range(1, generation + 1)}


def real_keys(sources: list) -> set:
    return {source["key"] for source in sources if source["source"] == "real"}


@given(SLOTS, st.sampled_from(["substitute", "replace", "accumulate", "accumulate_subsample", "fresh_real"]))
def test_the_baseline_is_all_real_data(num_slots: int, policy: str) -> None:
    sources = select_sources(ComposeConfig(policy=policy), num_slots, 0, {}, 0)
    assert real_keys(sources) == {f"train/0/{slot}" for slot in range(num_slots)}
    assert len(sources) == num_slots


@given(SLOTS, ALPHA, ALPHA, DRAW)
def test_replaced_sets_are_nested_as_alpha_grows(num_slots: int, a: float, b: float, draw: str) -> None:
    small, large = (
        select_sources(ComposeConfig(alpha=alpha, draw=draw), num_slots, 1, kept_samples(num_slots, 1), 0)
        for alpha in sorted((a, b))
    )
    assert real_keys(large) <= real_keys(small)
    generated = [[s["index"] for s in sources if s["source"] == "synthetic"] for sources in (small, large)]
    assert set(generated[0]) <= set(generated[1])


@given(SLOTS, ALPHA)
def test_the_exact_share_is_exact_and_every_slot_is_filled_once(num_slots: int, alpha: float) -> None:
    config = ComposeConfig(alpha=alpha)
    sources = select_sources(config, num_slots, 1, kept_samples(num_slots, 1), 0)
    assert len(sources) == num_slots
    assert (
        sum(source["source"] == "synthetic" for source in sources)
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
    assert [source["generation"] for source in sources] == [generation] * num_slots


@given(SLOTS, st.integers(1, 4))
def test_accumulate_grows_and_its_subsample_does_not(num_slots: int, generation: int) -> None:
    kept = kept_samples(num_slots, generation)
    union = select_sources(ComposeConfig(policy="accumulate"), num_slots, generation, kept, 0)
    subsample = select_sources(ComposeConfig(policy="accumulate_subsample"), num_slots, generation, kept, 0)
    assert len(union) == num_slots * (generation + 1)
    assert len(subsample) == num_slots
    assert all(source in union for source in subsample)
    assert len({str(source) for source in subsample}) == num_slots


@given(SLOTS, st.integers(1, 4))
def test_fresh_real_never_repeats_a_real_picture(num_slots: int, generation: int) -> None:
    config = ComposeConfig(policy="fresh_real", alpha=0.25)
    sets = [
        real_keys(select_sources(config, num_slots, g, kept_samples(num_slots, generation), 0))
        for g in range(generation + 1)
    ]
    assert sum(map(len, sets)) == len(set().union(*sets))


def test_alpha_may_change_by_generation_and_its_last_value_is_repeated() -> None:
    config = ComposeConfig(alpha=(0.2, 0.6))
    assert [config.alpha_at(g) for g in (1, 2, 3)] == [0.2, 0.6, 0.6]
