"""Another machine is noticed."""

from loopsim.runs.environment import environment, what_changed


def test_a_resume_on_another_machine_says_so() -> None:
    here = environment()
    there = here | {"num_threads": 99, "versions": here["versions"] | {"torch": "1.0"}}
    assert what_changed(there, here) == [
        f"num_threads 99 -> {here['num_threads']}",
        f"torch 1.0 -> {here['versions']['torch']}",
    ]
    assert what_changed(here, here) == []
