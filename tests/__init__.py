"""The tests mirror the package: those of `loopsim/x/y.py` are in `tests/x/test_y.py`."""
