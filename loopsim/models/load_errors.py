"""What the libraries of models raise for weights that are missing, cut short, of other shapes or of another
kind.
"""

from safetensors import SafetensorError

LOAD_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError)


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
