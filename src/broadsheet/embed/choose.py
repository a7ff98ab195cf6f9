"""Which embedder a setting names."""

from __future__ import annotations

from broadsheet.embed.base import Embedder, EmbedderError
from broadsheet.embed.others import EndpointEmbedder, SentenceTransformersEmbedder
from broadsheet.embed.static import WIDTHS, load_built_in

_BUILT_IN = "built-in"
_SENTENCE_TRANSFORMERS = "sentence-transformers:"
_ENDPOINT = "openai:"


def embedder(setting: str, key: str | None = None) -> Embedder:
    """The embedder that `setting` names; raises EmbedderError where it names none or it fails.

    `built-in`, `built-in:64` and `built-in:128` are Broadsheet's own; `sentence-transformers:NAME`
    is a model of that package; `openai:MODEL@https://host/v1` is an endpoint that speaks OpenAI's
    interface, asked with `key` where one is given.
    """
    setting = setting.strip()
    if setting == _BUILT_IN:
        return load_built_in()
    if setting.startswith(f"{_BUILT_IN}:"):
        width = setting.removeprefix(f"{_BUILT_IN}:")
        if width not in map(str, WIDTHS):
            raise EmbedderError(
                f"The built-in embedding has widths 64, 128 and 256, not {width[:20]}."
            )
        return load_built_in(int(width))
    if setting.startswith(_SENTENCE_TRANSFORMERS):
        return SentenceTransformersEmbedder(setting.removeprefix(_SENTENCE_TRANSFORMERS))
    model, at, base = setting.removeprefix(_ENDPOINT).rpartition("@")
    if setting.startswith(_ENDPOINT) and at and model:
        return EndpointEmbedder(model, base, key)
    raise EmbedderError(
        "An embedder is named built-in, built-in:64, built-in:128, sentence-transformers:NAME or "
        "openai:MODEL@https://host/v1."
    )
