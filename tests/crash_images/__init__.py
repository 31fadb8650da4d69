"""Crash images: a loop on a disk whose writes are logged, and what is left of it if the power goes at any of
them. Needs root, /dev/fuse, loop devices, libfuse 3 and `pip install mfusepy`:

    python -m tests.crash_images --images 40
"""
