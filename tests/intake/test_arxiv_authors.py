r"""arXiv's lists of authors: commas, "and", parentheses, numbers, collaborations, TeX."""

from __future__ import annotations

import pytest

from broadsheet.intake.arxiv.authors import names, tidy
from broadsheet.intake.opening import InputError
from broadsheet.records import Author


def read(text: str) -> list[tuple[str, str | None]]:
    return [(author.name, author.affiliation) for author in names(text)]


def called(text: str) -> list[str]:
    return [author.name for author in names(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Ada Example", ["Ada Example"]),
        ("Ada Example, Bo Sample and Cy Trial", ["Ada Example", "Bo Sample", "Cy Trial"]),
        ("Ada Example, Bo Sample, and Cy Trial", ["Ada Example", "Bo Sample", "Cy Trial"]),
        ("Ada Example & Bo Sample", ["Ada Example", "Bo Sample"]),
        ("Ada Example;Bo Sample", ["Ada Example", "Bo Sample"]),
        ("Ada\n  Example,\n Bo Sample", ["Ada Example", "Bo Sample"]),
        ("Ferdinand Anders, Roland Brandt", ["Ferdinand Anders", "Roland Brandt"]),
        ("S.M. Warner, J.-P. Fen, J. -P. Tao", ["S. M. Warner", "J.-P. Fen", "J.-P. Tao"]),
        ("Ada Example Jr, Bo Sample, Sr., Cy Trial, III", [
            "Ada Example Jr", "Bo Sample Sr.", "Cy Trial III"]),
        ("Jr-Shin Lot and Al Et", ["Jr-Shin Lot", "Al Et"]),
        ("Ada Example, et al.", ["Ada Example"]),
        ("Ada Example,, Bo Sample,", ["Ada Example", "Bo Sample"]),
        ("Plato", ["Plato"]),
        ("", []),
        (" , ( ", []),
    ],
)  # fmt: skip
def test_names_are_told_apart(text: str, wanted: list[str]) -> None:
    assert called(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The BOAT Collaboration: A. Ant, B. Bee", ["The BOAT Collaboration", "A. Ant", "B. Bee"]),
        ("A. Ant for the BOAT Collaboration", ["A. Ant", "BOAT Collaboration"]),
        ("A. Ant, on behalf of the BOAT Team", ["A. Ant", "BOAT Team"]),
        ("A. Ant, for BOAT Collaboration", ["A. Ant", "BOAT Collaboration"]),
        ("BOAT", ["BOAT"]),
    ],
)
def test_collaborations_are_authors(text: str, wanted: list[str]) -> None:
    assert called(text) == wanted


def test_an_affiliation_goes_to_those_before_it_who_have_none() -> None:
    assert read("A. Ant, B. Bee (Hive, Basel) and C. Cod (Reef), D. Dab") == [
        ("A. Ant", "Hive, Basel"),
        ("B. Bee", "Hive, Basel"),
        ("C. Cod", "Reef"),
        ("D. Dab", None),
    ]


def test_numbers_are_looked_up_in_the_list_at_the_end() -> None:
    text = "A. Ant (1), B. Bee (2,3), C. Cod(1 and 3) ((1) Hive (Basel), (2) Reef; (3) Dune.)"
    assert read(text) == [
        ("A. Ant", "Hive (Basel)"),
        ("B. Bee", "Reef; Dune"),
        ("C. Cod", "Hive (Basel); Dune"),
    ]


def test_numbers_without_parentheses_are_looked_up_too() -> None:
    assert read("A. Ant (1), B. Bee (1,2) (1 Hive, Basel; 2 - Reef)") == [
        ("A. Ant", "Hive, Basel"),
        ("B. Bee", "Hive, Basel; Reef"),
    ]
    assert read("A. Ant (1 Hive Street; 7 Dunes)") == [("A. Ant", "1 Hive Street; 7 Dunes")]


def test_a_count_of_further_authors_is_no_place() -> None:
    assert read(
        "BOAT Collaboration: A. Ant, B. Bee, et al. (750 additional authors not shown)"
    ) == [
        ("BOAT Collaboration", None),
        ("A. Ant", None),
        ("B. Bee", None),
    ]


def test_numbers_that_lead_nowhere_are_no_place() -> None:
    assert read("A. Ant (1), B. Bee (2)") == [("A. Ant", None), ("B. Bee", None)]


def test_a_collaboration_in_front_works_nowhere() -> None:
    assert read("BOAT collaboration: A. Ant, B. Bee (Hive)") == [
        ("BOAT collaboration", None),
        ("A. Ant", "Hive"),
        ("B. Bee", "Hive"),
    ]


def test_two_affiliations_in_a_row_count_both() -> None:
    assert read("A. Ant (Hive) (Reef)") == [("A. Ant", "Hive; Reef")]


def test_parentheses_within_parentheses_belong_to_the_affiliation() -> None:
    assert read("A. Ant (Hive (North), Basel), B. Bee (Reef") == [
        ("A. Ant", "Hive (North), Basel"),
        ("B. Bee", "Reef"),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"Kurt G\"odel", "Kurt Gödel"),
        (r"{\'E}tale M\'{e}tier", "Étale Métier"),
        (r"Erd\H{o}s P\'al", "Erdős Pál"),
        (r"Fran\c{c}ois \v{C}ech", "François Čech"),
        (r"\L{}ukasz Kapu\'sci\'nski", "Łukasz Kapuściński"),
        (r"\L ukasz Micha\l Nowak", "Łukasz Michał Nowak"),
        (r"S\o ren \O stergaard", "Søren Østergaard"),
        (r"Mar\'\i a Mart\'{\i}nez", "María Martínez"),
        (r"Wei\ss{}", "Weiß"),
        (r"Vardarl{\i}", "Vardarlı"),
        (r"J.~Smith", "J. Smith"),
        (r"\.Zofia \^Ile \~Nandu \=Ama", "Żofia Île Ñandu Āma"),
        (r"Dan \AA kerlund", "Dan Åkerlund"),
    ],
)
def test_accents_of_tex_become_letters(text: str, wanted: str) -> None:
    assert called(text) == [wanted]
    assert tidy(text) == wanted


def test_three_thousand_authors_are_all_kept() -> None:
    text = ", ".join(f"A{number}. Ant ({number % 200})" for number in range(3000))
    text += " (" + ", ".join(f"({number}) Hive {number}" for number in range(200)) + ")"
    found = names(text)
    assert len(found) == 3000
    assert found[2017] == Author("A2017. Ant", "Hive 17")


def test_a_list_beyond_reason_is_refused() -> None:
    with pytest.raises(InputError, match="list of authors has 2,000,000 characters"):
        names("a" * 2_000_000)
    with pytest.raises(InputError, match="name of an author has 5,000 characters"):
        names("a" * 5_000)
    with pytest.raises(InputError, match="more than 20,000 authors"):
        names("a," * 30_000)
