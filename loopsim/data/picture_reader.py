"""Reading pictures' bytes from where they lie."""

import os
from collections import OrderedDict
from typing import final

from loopsim.core.errors import DataError
from loopsim.core.text import printable
from loopsim.data.image_ref import ImageRef
from loopsim.data.images import MAX_BYTES
from loopsim.data.paths import open_plain

_AGAIN = "restore it, or run `loopsim data check` again"


@final
class PictureReader:
    """Reads pictures' bytes; keeps the last few files open."""

    def __init__(self, max_open: int = 64) -> None:
        self.max_open = max_open
        self._files: OrderedDict[str, int] = OrderedDict()

    def read(self, place: ImageRef) -> bytes:
        """Return a picture's bytes. Raises DataError if its file is gone, shorter than it was, no plain file,
        or too large.
        """
        name = printable(place.path)
        try:
            descriptor = self._descriptor(place.path)
        except DataError as error:
            raise DataError(f"{error}; {_AGAIN}") from error
        if place.offset < 0 or place.length < -1:
            raise DataError(f"{name}: an older manifest does not say where its pictures lie; {_AGAIN}")
        try:
            length = place.length if place.length >= 0 else os.fstat(descriptor).st_size
            if length > MAX_BYTES:
                raise DataError(f"{name}: {length / 1e6:,.0f} MB, more than {MAX_BYTES / 1e6:.0f}; {_AGAIN}")
            data = os.pread(descriptor, length, place.offset)
        except (OSError, OverflowError) as error:
            raise DataError(f"{name}: {getattr(error, 'strerror', None) or error}; {_AGAIN}") from error
        if len(data) < length:
            raise DataError(f"{name} is shorter than when it was read; {_AGAIN}")
        return data

    def _descriptor(self, path: str) -> int:
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        if len(self._files) >= self.max_open:
            os.close(self._files.popitem(last=False)[1])
        self._files[path] = open_plain(path)
        return self._files[path]

    def close(self) -> None:
        """Close every file."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

    def __del__(self) -> None:
        self.close()
