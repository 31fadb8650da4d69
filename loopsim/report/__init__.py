"""From a store to plain dataclasses, and from those to terminal, JSON and contact sheets."""
