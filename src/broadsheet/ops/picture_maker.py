"""The process that counts the terms of recent papers for the first time and makes the map's layout.

Started by `picturing.py`, at low priority; it ends when its standard input closes.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from broadsheet.ops import settings
from broadsheet.ops.parts import open_parts

_NICE = 10


def main() -> int:
    """The process: the data folder on standard input; it ends when that closes."""
    data = Path(sys.stdin.readline().rstrip("\n"))
    threading.Thread(target=_end_with_the_pipe, daemon=True).start()
    os.nice(_NICE)
    parts = open_parts(settings.load(data=data))
    counted = parts.recent is not None and parts.recent.keep_up(parts.store)
    is_settled = parts.meaning is not None and parts.meaning.status(parts.store).is_current
    made = (
        parts.layout is not None
        and is_settled
        and parts.layout.is_due()
        and parts.layout.build(parts.store)
    )
    parts.store.close()
    return 0 if counted or made else 1


def _end_with_the_pipe() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
