"""The built-in embedding: what its vectors must be, whatever it is trained on."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.embed.base import Embedder, EmbedderError
from broadsheet.embed.lexicon import Lexicon
from broadsheet.embed.static import BUILT_IN, WIDTHS, StaticEmbedder, load, load_built_in, save

# Any text there can be, halves of surrogate pairs among it.
ANY_TEXT = st.text(st.characters(), max_size=300) | st.text(
    st.sampled_from("ab é漢\ud800\udfff\x00\n-_$\\{}0123456789ﬁ̈"), max_size=80
)


def small() -> StaticEmbedder:
    """Four words and one bigram: wave, particl, light, black; `black light` is a phrase."""
    lexicon = Lexicon(["wave", "particl", "light", "black"], np.array([[3, 2]]), 0)
    table = np.zeros((5, 256), np.float32)
    table[[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]] = 1
    return StaticEmbedder("small", lexicon, table, 0.5)


def test_the_built_in_embedder_is_what_search_asks_for() -> None:
    embedder: Embedder = load_built_in()
    assert embedder.width == 256
    assert embedder.name.endswith(":256")
    assert load_built_in() is load_built_in()


def test_a_text_is_the_sum_of_its_words_and_phrases() -> None:
    vectors = small().encode_queries(["waves", "the waves of light", "light black", "black lights"])
    assert vectors[0][0] == 1
    np.testing.assert_allclose(vectors[1][[0, 2]], [0.5**0.5] * 2, rtol=1e-6)
    np.testing.assert_allclose(vectors[2][[2, 3, 4]], [0.5**0.5, 0.5**0.5, 0], rtol=1e-6)
    np.testing.assert_allclose(vectors[3][[2, 3, 4]], [3**-0.5] * 3, rtol=1e-6)


def test_a_phrase_does_not_reach_over_the_end_of_a_text() -> None:
    apart = small().encode_queries(["black", "light"])
    assert not apart[:, 4].any()


def test_a_paper_is_its_title_and_its_text_by_halves() -> None:
    papers = [("waves", "light " * 9), ("waves", ""), ("", "light"), ("", "")]
    vectors = small().encode_papers(papers)
    np.testing.assert_allclose(vectors[0][[0, 2]], [0.5**0.5] * 2, rtol=1e-6)
    assert vectors[1][0] == 1
    assert vectors[2][2] == 1
    assert not vectors[3].any()


@given(st.lists(ANY_TEXT, max_size=6))
@settings(max_examples=200, deadline=None)
def test_every_text_has_a_vector_of_length_one_or_zero(texts: list[str]) -> None:
    embedder = load_built_in()
    for vectors in (
        embedder.encode_queries(texts),
        embedder.encode_papers([(text, text[::-1]) for text in texts]),
    ):
        assert vectors.shape == (len(texts), 256)
        assert vectors.dtype == np.float32
        lengths = np.linalg.norm(vectors, axis=1)
        assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))


@given(st.lists(ANY_TEXT | st.just("graph neural networks for quantum gravity"), max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_vector_does_not_depend_on_its_batch(texts: list[str]) -> None:
    embedder = load_built_in()
    together = embedder.encode_queries(texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_array_equal(embedder.encode_queries([text])[0], vector)


def test_a_vector_does_not_depend_on_its_place_in_many_blocks() -> None:
    embedder = load_built_in()
    long = "bayesian inference of unseen zyxoproteins in deep networks " * 300
    many = embedder.encode_queries([long, "short"] * 40)
    # Alone it is added up another way than with many.
    np.testing.assert_array_equal(many[::2], np.repeat(embedder.encode_queries([long]), 40, axis=0))
    np.testing.assert_array_equal(many[1::2], embedder.encode_queries(["short"] * 40))


@pytest.mark.parametrize("text", ["", "   ", "the of and", "!!! ...", "2019 42", "→ ©", "\ud800"])
def test_where_nothing_is_known_the_vector_is_zero(text: str) -> None:
    embedder = load_built_in()
    assert not embedder.encode_queries([text]).any()
    assert not embedder.encode_papers([(text, text)]).any()


def test_a_very_long_text_takes_no_longer_than_its_beginning() -> None:
    embedder = load_built_in()
    start = time.monotonic()
    vectors = embedder.encode_queries(["spin glass " * 3_000_000])
    assert np.linalg.norm(vectors) == pytest.approx(1, abs=1e-5)
    assert time.monotonic() - start < 5


NEAR = [
    (
        "how do neural networks learn representations of pictures",
        "Convolutional models trained on photographs acquire visual features layer by layer",
        "Soil bacteria and the yield of wheat under drought",
    ),
    (
        "black holes merging",
        "We report gravitational waves from the coalescence of two compact objects",
        "A dictionary of medieval trade routes",
    ),
    (
        "machine translation of languages with little data",
        "Bilingual text is scarce for many tongues; we pretrain on monolingual corpora",
        "Fluctuations of heat flow in superconducting wires",
    ),
    (
        "teaching robots to grasp objects",
        "A manipulator learns to pick up household items by reinforcement",
        "Prime numbers in arithmetic progressions",
    ),
    (
        "heart attack",
        "Patients with acute myocardial infarction were treated with aspirin",
        "Compilers that check types of functional programs",
    ),
    (
        "shortest paths in road networks",
        "A routing algorithm on weighted graphs of streets",
        "The spectrum of hydrogen in a magnetic field",
    ),
]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("query", "near", "far"), NEAR)
def test_texts_on_one_matter_are_nearer_than_others(
    query: str, near: str, far: str, width: int
) -> None:
    embedder = load_built_in(width)
    (asked,) = embedder.encode_queries([query])
    like, unlike = embedder.encode_papers([("", near), ("", far)]) @ asked
    assert like > unlike + 0.05


def test_forms_and_accents_of_a_word_are_one() -> None:
    vectors = load_built_in().encode_queries(["Schrödinger Networks", "schrodinger network"])
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_a_misspelt_word_is_near_the_word() -> None:
    embedder = load_built_in()
    right, wrong, other = embedder.encode_queries(
        ["electroencephalography", "electroencephalographyx", "hydrodynamics"]
    )
    assert wrong.any()
    assert right @ wrong > right @ other


@pytest.mark.parametrize("width", WIDTHS[:-1])
def test_narrow_vectors_are_the_wide_ones_cut(width: int) -> None:
    texts = ["sparse coding of natural images", "galaxies at high redshift"]
    wide = load_built_in().encode_queries(texts)[:, :width]
    narrow = load_built_in(width).encode_queries(texts)
    np.testing.assert_allclose(
        narrow, wide / np.linalg.norm(wide, axis=1, keepdims=True), atol=1e-5
    )
    assert load_built_in(width).name != load_built_in().name


def test_other_widths_are_refused() -> None:
    with pytest.raises(EmbedderError, match="64, 128 and 256, not 100"):
        load_built_in(100)


def test_a_folder_without_a_model_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="cannot be read"):
        load(tmp_path)
    save(
        tmp_path,
        "small",
        Lexicon(["wave"], np.zeros((0, 2), np.int32), 0),
        np.ones((2, 256), np.float32),
        0.5,
    )
    with pytest.raises(EmbedderError, match="differ in number"):
        load(tmp_path)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    lexicon = Lexicon(["wave", "light"], np.array([[0, 1]]), 2)
    table = np.random.default_rng(1).normal(size=(5, 256)).astype(np.float32)
    save(tmp_path, "small", lexicon, table, 0.3)
    loaded = load(tmp_path)
    kept = StaticEmbedder("small", lexicon, table, 0.3)
    texts = ["wave", "waves of light", "unheardof"]
    assert np.sum(loaded.encode_queries(texts) * kept.encode_queries(texts), axis=1) == (
        pytest.approx([1, 1, 1], abs=1e-3)
    )


def test_the_model_and_its_card_take_at_most_16_megabytes() -> None:
    assert sum(file.stat().st_size for file in BUILT_IN.iterdir()) <= 16_000_000
    card = (BUILT_IN / "card.md").read_text()
    assert all(part in card for part in ("## Data", "## Recipe", "## Figures", "## Limits"))


def test_loading_takes_little_memory() -> None:
    tracemalloc.start()
    embedder = load(BUILT_IN)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert embedder.width == 256
    assert held < 100_000_000
