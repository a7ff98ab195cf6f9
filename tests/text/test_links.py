r"""Links in plain text: found, repaired, refused, and what kind they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.text.links import MAX_URL, Link, find_links


def only(text: str) -> Link:
    [link] = find_links(text)
    return link


X = "https://github.com/ab/cd"


@pytest.mark.parametrize(
    ("text", "source", "url", "shown"),
    [
        (f"at {X}.", X, X, X),
        (f"at {X}, and", X, X, X),
        (f"({X})", X, X, X),
        (f'"{X}"', X, X, X),
        (f"<{X}>", X, X, X),
        (f"at {X}。", X, X, X),
        (
            "https://a.org/b_(c)",
            "https://a.org/b_(c)",
            "https://a.org/b_(c)",
            "https://a.org/b_(c)",
        ),
        ("HTTPS://a.org/B", "HTTPS://a.org/B", "https://a.org/B", "HTTPS://a.org/B"),
        ("on github.com/ab/cd.", "github.com/ab/cd", X, "github.com/ab/cd"),
        ("gitlab.com/ab/cd", "gitlab.com/ab/cd", "https://gitlab.com/ab/cd", "gitlab.com/ab/cd"),
        ("see ab.github.io/p/", "ab.github.io/p/", "https://ab.github.io/p/", "ab.github.io/p/"),
        ("see ab-c.github.io.", "ab-c.github.io", "https://ab-c.github.io", "ab-c.github.io"),
        (f"at {X}{{{X}}}.", f"{X}{{{X}}}", X, X),
        (f"at {X}/ {{{X}}}.", f"{X}/ {{{X}}}", f"{X}/", f"{X}/"),
        (f"at {X}{{V^2L}}.", f"{X}{{V^2L}}", X, "V^2L"),
        (f"at {X}}}.", f"{X}}}", X, X),
        (f"at {{\\em {X}}}.", X, X, X),
        (f"at \\url{{{X}}}.", f"\\url{{{X}}}", X, X),
        (f"at \\url{{{X} }}.", f"\\url{{{X} }}", X, X),
        (f"at \\href{{{X}}}{{here}}.", f"\\href{{{X}}}{{here}}", X, "here"),
        (f"at \\href{{here}}{{{X}}}.", f"\\href{{here}}{{{X}}}", X, "here"),
        (f"at \\href{{{X}. The", f"\\href{{{X}", X, X),
        (f"at ${{}}\\href{{{X}}}{{a}}", f"\\href{{{X}}}{{a}}", X, "a"),
        (f"$\\href{{{X}}}{{a}}$", f"$\\href{{{X}}}{{a}}$", X, "a"),
        (
            "at https:// github.com/ab/cd.",
            "https:// github.com/ab/cd",
            X,
            "https:// github.com/ab/cd",
        ),
        (
            "at https: //github.com/ab/cd",
            "https: //github.com/ab/cd",
            X,
            "https: //github.com/ab/cd",
        ),
        (f"a [label]({X}).", f"[label]({X})", X, "label"),
        ("[x](https://a.org/b_(c)) y", "[x](https://a.org/b_(c))", "https://a.org/b_(c)", "x"),
        (
            "http://a.org/b\\_c\\_d.",
            "http://a.org/b\\_c\\_d",
            "http://a.org/b_c_d",
            "http://a.org/b\\_c\\_d",
        ),
    ],
)
def test_finds_and_repairs(text: str, source: str, url: str, shown: str) -> None:
    link = only(text)
    assert text[link.start : link.end] == source
    assert link.url == url
    assert link.shown == shown
    assert link.repaired == (source != url)


def test_finds_every_link_of_a_list() -> None:
    text = "https://a.org/x,https://b.org/y; https://c.org/z , d.github.io"
    assert [link.url for link in find_links(text)] == [
        "https://a.org/x",
        "https://b.org/y",
        "https://c.org/z",
        "https://d.github.io",
    ]


def test_a_doubled_scheme_is_one_scheme() -> None:
    assert only(f"https://{X}").url == X


def test_an_archived_address_stays_whole() -> None:
    url = "https://web.archive.org/web/2020/https://a.org/x"
    assert only(url).url == url


@pytest.mark.parametrize(
    "text",
    [
        "https://user:secret@example.com/x",
        "https://user@example.com/x",
        "me@github.com/ab and x.y@ab.github.io",
        "http://localhost/x http://printer.local/x http://127.0.0.1/x http://[::1]/x",
        "https://nodots/x https://-a.org https://a..org/ https://a.org:99999/",
        "javascript:alert(1) data:text/html,x ftp://a.org/x file:///etc/passwd",
        "\\href{javascript:alert(1)}{x} [x](javascript:alert(1)) \\url{}",
        "https://" + "a" * 64 + ".org/",
        "https://a.org/" + "b" * MAX_URL,
        "the prefix https:// is used, and so is http://",
        "notgithub.com/ab, a/github.com/ab, github.com alone, github.comx/y",
        "file_name scaling_on_scales e.g. i.e. 3.5 v2.0",
    ],
)
def test_refuses(text: str) -> None:
    assert find_links(text) == ()


def test_a_control_character_ends_an_address() -> None:
    assert only("https://a.org/x\x00y").url == "https://a.org/x"
    assert only("https://a.org/x\u202ey").url == "https://a.org/x"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Code: https://github.com/a/b", "code"),
        ("at https://github.com/a/b", "code"),
        ("The dataset is available at https://github.com/a/b", "data"),
        ("The dataset and code are at https://github.com/a/b", "code"),
        ("Project page: https://github.com/a/b", "project"),
        ("at https://a.github.io/b", "project"),
        ("Code is at https://a.github.io/b", "project"),
        ("Project website: https://a.org/b", "project"),
        ("The code is released at https://a.org/b", "code"),
        ("Our dataset is at https://a.org/b", "data"),
        ("A demo: https://a.org/b", "project"),
        ("Model weights: https://a.org/b", "model"),
        ("Videos are at https://a.org/b", "video"),
        ("https://huggingface.co/datasets/a/b", "data"),
        ("https://huggingface.co/a/b", "model"),
        ("https://huggingface.co/spaces/a/b", "project"),
        ("https://zenodo.org/records/1", "data"),
        ("https://youtu.be/abc", "video"),
        ("https://www.youtube.com/watch?v=abc", "video"),
        ("Code: https://arxiv.org/abs/2001.00001", "paper"),
        ("https://doi.org/10.1000/182", "paper"),
        ("see https://a.org/b", "page"),
        ("We publish code. More at https://a.org/b", "page"),
        ("\\href{https://a.org/b}{project page}", "project"),
        ("Project page: https://a.org/b Code: https://a.org/c", "project"),
    ],
)
def test_kind(text: str, kind: str) -> None:
    assert find_links(text)[0].kind == kind


def test_the_words_before_the_first_link_do_not_describe_the_second() -> None:
    first, second = find_links("Code: https://a.org/b and https://a.org/c")
    assert (first.kind, second.kind) == ("code", "page")


PIECES = ["https://", "http://", "a.org", "github.com/a", "\\url{", "\\href{", "{", "}", "(", ")"]
PIECES += ["[x](", "]", " ", ".", "/", "@", ":", "\\_", "$", "é", "\x00", "ab", "?q=1", "#"]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text())
def test_whatever_is_found_is_a_safe_link(text: str) -> None:
    position = 0
    for link in find_links(text):
        assert position <= link.start < link.end <= len(text)
        position = link.end
        assert link.url.startswith(("http://", "https://"))
        assert link.url.isascii()
        assert link.url.isprintable()
        assert len(link.url) <= MAX_URL
        host = link.url.split("://", 1)[1].split("/")[0].split("?")[0].split("#")[0]
        assert "@" not in host
        assert "." in host
        assert not set(link.url) & set('<>"{}|\\^` ')


@pytest.mark.parametrize(
    "unit",
    [
        "https://{",
        "$",
        "{",
        "^",
        "https://(((",
        "a.github.io)(",
        "[a](b.",
        "[a](https://b.",
        "\\url{",
    ],
)
def test_a_hostile_text_of_a_megabyte_is_read(unit: str) -> None:
    for link in find_links(unit * (1_000_000 // len(unit))):
        assert len(link.url) <= MAX_URL
