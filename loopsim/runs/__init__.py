"""Runs on disk: made, opened, found, forked, verified, cleaned."""
