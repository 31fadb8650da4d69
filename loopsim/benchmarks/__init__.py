"""Ratios and memory, measured side by side in one run on one machine."""
