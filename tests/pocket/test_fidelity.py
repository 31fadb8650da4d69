"""How well the pocket's generator obeys its prompts."""

from tests.helpers.command_line import loopsim


def test_check_prints_the_fidelity_figures() -> None:
    shown = loopsim("pretrain", "--check", "--num-prompts", "20", "--num-neutral", "1")
    assert shown.returncode == 0, shown.stderr
    for words in (
        "the gender drawn is the one asked for",
        "held-out renders",
        "mean distance of the shares of women",
    ):
        assert words in shown.stdout
