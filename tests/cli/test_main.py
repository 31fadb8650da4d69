"""The command line as a whole: quick help that names every command."""

from tests.helpers.command_line import loaded_after, loopsim


def test_help_names_every_command() -> None:
    shown = loopsim("--help").stdout
    assert all(
        command in shown
        for command in ("start", "resume", "report", "runs", "show", "verify", "doctor", "pretrain")
    )


def test_help_imports_nothing_heavy() -> None:
    assert (
        loaded_after(
            "import loopsim.cli.main", "torch", "diffusers", "transformers", "open_clip", "numpy", "lmdb"
        )
        == "[]"
    )
