"""The ledger in words, the same on a page, in a mail and in the terminal."""

from __future__ import annotations

from broadsheet.records import DayState, LedgerLine

_KINDS = {
    "new": ("new", "new"),
    "cross": ("cross-list", "cross-lists"),
    "replace": ("replacement", "replacements"),
}
_SENTENCES = {
    DayState.LATE: "announced nothing yet, though its hour is over",
    DayState.SILENT: "nothing announced where something is expected",
    DayState.PENDING: "not announced yet",
    DayState.RESTED: "no announcement on this day",
    DayState.UNKNOWN: "unknown: not asked since the announcement",
}


def sentence(line: LedgerLine) -> str:
    """As in `announced 132 (98 new, 20 cross-lists, 14 replacements), held 132`."""
    if line.stated is None or line.state in (DayState.SILENT, DayState.RESTED):
        return _SENTENCES[line.state]
    said = f"announced {line.stated:,}{_parts(line)}, held {line.held:,}"
    # What is stated and neither held nor named: nobody can say yet what to ask for.
    nameless = line.stated - line.held - len(line.missing)
    gaps = [
        f"{count:,} {words}"
        for count, words in ((len(line.missing), "missing"), (nameless, "not named"))
        if count > 0
    ]
    return f"{said}; {', '.join(gaps)}" if gaps else said


def _parts(line: LedgerLine) -> str:
    parts = [
        f"{count:,} {_KINDS.get(kind, (kind, kind))[count != 1]}"
        for kind, count in line.counts
        if count
    ]
    return f" ({', '.join(parts)})" if len(parts) > 1 else ""
