"""The same paper is the same record, whichever of arXiv's interfaces tells of it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from broadsheet.intake.arxiv import atom, feed, oai, snapshot
from broadsheet.intake.opening import open_input
from broadsheet.records import Record

from . import arxiv_samples as samples


def told(interface: str, folder: Path) -> Record:
    """The invented paper as an interface tells it."""
    if interface == "arXivRaw":
        things = oai.parse(samples.oai(samples.raw())).records
    elif interface == "arXiv":
        things = oai.parse(samples.oai(samples.parted(), verb="GetRecord")).records
    elif interface == "Atom":
        things = atom.parse(samples.atom(samples.atom_entry())).records
    elif interface == "feed":
        things = feed.parse(samples.rss(samples.item("2611.01234", "replace", 2))).records
    else:
        (folder / "snapshot.json").write_bytes(samples.snapshot_line())
        with open_input(folder / "snapshot.json") as opened:
            things = tuple(snapshot.read(opened))
    [record] = things
    assert isinstance(record, Record), record
    return record


@pytest.mark.parametrize(
    ("interface", "silent"),
    [
        ("snapshot", set()),
        ("arXiv", {"version"}),
        ("Atom", {"licence"}),
        ("feed", {"published", "updated", "year", "links"}),
    ],
)
def test_interfaces_tell_the_same(tmp_path: Path, interface: str, silent: set[str]) -> None:
    whole, record = told("arXivRaw", tmp_path), told(interface, tmp_path)
    different = {
        field.name
        for field in fields(Record)
        if getattr(whole, field.name) != getattr(record, field.name)
    }
    assert different == silent
    assert set(record.links) <= set(whole.links)
