"""`python -m loopsim`, as torchrun starts it."""

from loopsim.cli.main import main

main()
