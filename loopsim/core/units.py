"""Numbers with units, for people."""


def readable_bytes(num_bytes: float) -> str:
    """Return a number of bytes for people."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.1f} {unit}"
    return f"{num_bytes / 1e3:.0f} kB"


def readable_time(seconds: float) -> str:
    """Return a time for people: in seconds, minutes, hours or days."""
    for unit, factor in (("d", 86400 * 2), ("h", 3600), ("min", 60)):
        if seconds >= factor:
            return f"{seconds / (86400 if unit == 'd' else factor):,.1f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 0.05 else "0 s" if seconds == 0 else "< 0.1 s"
