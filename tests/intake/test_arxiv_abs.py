"""arXiv's own files of metadata: a thousand recorded ones, and some of them field by field."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.intake.arxiv import abs as metadata
from broadsheet.intake.opening import InputError

INVENTED = rb"""------------------------------------------------------------------------------
\\
arXiv:math/0601001 (replaced)
From: Mara Quill <quill@example.org>
Date: Tue, 3 Jan 2006 12:14:17 GMT   (15kb)
Date (revised v2): Thu, 10 May 2007 06:06:47 GMT   (412kb,D)

Title: Small Boats, or:
  how they turn
Authors: Mara Quill and Jos\'e Fen (North
  Lab)
Categories: math.DS math.OC
Comments: 12 pages
MSC-class: 37K05
DOI: 10.1000/Boats
License: http://creativecommons.org/licenses/by/4.0/
\\
  We turn small boats.
Note: they float.
\\
"""


@pytest.fixture(scope="session")
def recorded(shared: Path) -> Path:
    """The recorded files: `ftp` has the latest version of each paper, `orig` earlier ones."""
    return shared / "data" / "recorded" / "arxiv_abs"


def test_every_field_is_read() -> None:
    record = metadata.parse(INVENTED)
    assert (record.source, record.key, record.version) == ("arxiv", "math/0601001", 2)
    assert record.title == "Small Boats, or: how they turn"
    assert record.abstract == "We turn small boats. Note: they float."
    assert [(one.name, one.affiliation) for one in record.authors] == [
        ("Mara Quill", "North Lab"),
        ("José Fen", "North Lab"),
    ]
    assert record.categories == ("math.DS", "math.OC")
    assert record.identifiers == ("math/0601001", "doi:10.1000/boats")
    assert (record.published, record.updated) == (date(2006, 1, 3), date(2007, 5, 10))
    assert record.licence == "http://creativecommons.org/licenses/by/4.0/"
    assert not record.withdrawn


def test_every_recorded_file_is_read(recorded: Path) -> None:
    files = sorted(recorded.rglob("*.abs"))
    assert len(files) == 1192
    refused = []
    for file in files:
        try:
            record = metadata.parse(file.read_bytes())
        except InputError as error:
            refused.append((file.name, error.reason))
            continue
        version = file.stem.partition("v")[2]
        assert f"\narXiv:{record.key}\n".encode() in file.read_bytes(), file
        assert not version or record.version == int(version), file
        assert record.authors, file
        assert record.published, file
        assert record.updated, file
        assert record.published <= record.updated, file
    assert [name for name, _ in refused] == ["0509037.abs"]  # it has nothing but its id


def test_a_recorded_withdrawn_paper_is_known(recorded: Path) -> None:
    record = metadata.parse((recorded / "ftp/arxiv/papers/0704/0704.0374.abs").read_bytes())
    assert record.title == (
        "Gravity-induced electric polarization of matter and planetary magnetic fields"
    )
    assert [author.name for author in record.authors] == ["Boris A. Zon", "Igor Yu. Kretinin"]
    assert record.version == 2
    assert (record.published, record.updated) == (date(2007, 4, 3), date(2007, 5, 10))
    assert record.categories == ("physics.geo-ph",)
    assert record.withdrawn


def test_a_recorded_paper_says_what_one_reads_in_it(recorded: Path) -> None:
    record = metadata.parse((recorded / "ftp/arxiv/papers/1611/1611.08171.abs").read_bytes())
    assert record.title == (
        "Cutoff latitude variation during solar proton events: Causes and consequences"
    )
    assert [author.name for author in record.authors] == ["H. Nesse Tyssøy", "J. Stadsnes"]
    assert record.categories == ("physics.space-ph",)
    assert record.identifiers == ("1611.08171", "doi:10.1002/2014ja020508")
    assert (record.version, record.published, record.updated) == (
        1,
        date(2016, 11, 24),
        date(2016, 11, 24),
    )
    assert record.licence == "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"
    assert record.abstract.startswith("To accurately quantify the effect of solar proton events")
    assert record.abstract.endswith("energy deposition predicted from the POES measurement.")
    assert not record.withdrawn


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no lines of two backslashes"),
        (b"\\\\\n\\\\\n\\\\\n", "no arXiv id"),
        (INVENTED.replace(b"Title:", b"Tidal:"), "no title"),
        (b"x" * 5_000_000, "at most"),
    ],
)
def test_another_file_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        metadata.parse(data)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(INVENTED)), st.integers(0, 30), st.binary(max_size=8))
def test_mutated_files_are_read_or_refused(place: int, length: int, piece: bytes) -> None:
    reason = ""
    try:
        metadata.parse(INVENTED[:place] + piece + INVENTED[place + length :])
    except InputError as error:
        reason = error.reason
    assert "\n" not in reason
