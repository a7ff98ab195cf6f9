"""Embedders of others, against a real server on this machine that misbehaves on demand."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from broadsheet.embed.base import EmbedderError
from broadsheet.embed.choose import embedder
from broadsheet.embed.others import EndpointEmbedder

KEY = "sk-very-secret"
# A request's texts, and how many requests came before: (status, headers, body).
Answer = Callable[[list[str], int], tuple[int, dict[str, str], bytes]]


def good(texts: list[str], _before: int, width: int = 3) -> tuple[int, dict[str, str], bytes]:
    rows = [
        {"index": place, "embedding": [float(len(text)), *[2.0] * (width - 1)]}
        for place, text in enumerate(texts)
    ]
    return 200, {}, json.dumps({"data": rows[::-1]}).encode()


class Server(ThreadingHTTPServer):
    answer: Answer
    seen: list[tuple[str, dict[str, Any], str | None]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        before = len(self.server.seen)
        self.server.seen.append((self.path, asked, self.headers["authorization"]))
        status, headers, body = self.server.answer(asked["input"], before)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keeps quiet."""


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[EndpointEmbedder, Server, list[float]]]:
    """An embedder, its server, and the seconds it waited."""
    server = Server(("127.0.0.1", 0), Handler)
    server.answer, server.seen = answer, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    waits: list[float] = []
    base = f"http://127.0.0.1:{server.server_port}/v1/"
    try:
        with EndpointEmbedder("tiny", base, KEY, timeout=5, sleep=waits.append) as client:
            yield client, server, waits
    finally:
        server.shutdown()
        server.server_close()


def test_vectors_come_in_the_order_of_the_texts_and_of_unit_length() -> None:
    with serving(good) as (client, server, _):
        vectors = client.encode_papers([("a", "bc"), ("", "x" * 50), ("", ""), ("t", "\ud800")])
        assert client.width == 3
        assert vectors.shape == (4, 3)
        assert not vectors[2].any()
        np.testing.assert_allclose(np.linalg.norm(vectors[[0, 1, 3]], axis=1), 1, rtol=1e-6)
        assert vectors[1][0] > vectors[0][0]
        assert {path for path, _, _ in server.seen} == {"/v1/embeddings"}
        assert {asked["model"] for _, asked, _ in server.seen} == {"tiny"}
        assert {key for _, _, key in server.seen} == {f"Bearer {KEY}"}


def test_many_texts_go_in_batches() -> None:
    with serving(good) as (client, server, _):
        vectors = client.encode_queries([f"{'x' * place}." for place in range(200)])
        assert vectors.shape == (200, 3)
        assert max(len(asked["input"]) for _, asked, _ in server.seen) <= 64
        assert np.all(np.diff(vectors[:, 0]) > 0)


def test_a_busy_endpoint_is_asked_again_when_it_says() -> None:
    def busy(texts: list[str], before: int) -> tuple[int, dict[str, str], bytes]:
        if before == 0:
            return 429, {"retry-after": "7"}, b"slow down"
        if before == 1:
            return 503, {}, b""
        if before == 2:
            return 429, {"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, b""
        return good(texts, before)

    with serving(busy) as (client, _, waits):
        assert client.encode_queries(["text"]).shape == (1, 3)
        assert waits[0] == 7
        assert len(waits) == 3
        assert all(0 <= wait <= 60 for wait in waits)


def test_an_endpoint_that_stays_down_is_an_error_without_the_key() -> None:
    with serving(lambda *_: (500, {}, KEY.encode())) as (client, server, waits):
        with pytest.raises(EmbedderError, match=r"failed 6 times.*status 500") as caught:
            client.encode_queries(["text"])
        assert KEY not in str(caught.value)
        assert len(server.seen) == 6
        assert len(waits) == 5


def test_a_refusal_is_not_repeated() -> None:
    with serving(lambda *_: (401, {}, KEY.encode())) as (client, server, _):
        with pytest.raises(EmbedderError, match="status 401") as caught:
            client.encode_queries(["text"])
        assert KEY not in str(caught.value)
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"data": 7}',
        b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": 0, "embedding": "x"}]}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 5, "embedding": [1]}]}',
        b'{"data": []}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1]}]}',
        b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}',
        b'{"data": [{"index": 0, "embedding": [1e999, 1]}]}',
        b'{"data": [{"index": 0, "embedding": [[1], [2, 3]]}]}',
        b"[" * 100_000,
    ],
)
def test_answers_that_make_no_sense_are_errors(body: bytes) -> None:
    with (
        serving(lambda *_: (200, {}, body)) as (client, _, _),
        pytest.raises(EmbedderError, match="The embeddings endpoint"),
    ):
        client.encode_queries(["text"])


def test_a_width_that_changes_is_an_error() -> None:
    def changing(texts: list[str], before: int) -> tuple[int, dict[str, str], bytes]:
        return good(texts, before, 3 + before)

    with (
        serving(changing) as (client, _, _),
        pytest.raises(EmbedderError, match="4 numbers a vector"),
    ):
        client.encode_queries(["text"])


def test_nobody_listening_is_an_error() -> None:
    waits: list[float] = []
    with (
        EndpointEmbedder("m", "http://127.0.0.1:9/v1", KEY, sleep=waits.append) as client,
        pytest.raises(EmbedderError, match="could not be reached"),
    ):
        client.encode_queries(["text"])
    assert len(waits) == 5


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "builtin",
        "built-in:7",
        "built-in:",
        "openai:model",
        "openai:@https://host/v1",
        "openai:model@host",
        "openai:model@ftp://host/v1",
        "openai:model@https://me:secret@host/v1",
        "openai:model@https://host/v1?key=secret",
        "openai:model@http://[",
    ],
)
def test_settings_that_name_nothing_are_errors(setting: str) -> None:
    with pytest.raises(EmbedderError) as caught:
        embedder(setting, KEY)
    assert "secret" not in str(caught.value)


def test_settings_name_embedders() -> None:
    assert embedder("built-in").width == 256
    assert embedder(" built-in:128 ").width == 128
    endpoint = embedder("openai:org/model@v2@https://host:8443/v1", KEY)
    assert endpoint.name == "openai:org/model-v2:host:8443"
    assert isinstance(endpoint, EndpointEmbedder)
    endpoint.close()


def test_a_key_that_no_header_can_hold_is_an_error() -> None:
    with pytest.raises(EmbedderError) as caught:
        embedder("openai:m@https://host/v1", "schlüssel\n")
    assert "schl" not in str(caught.value)


def test_a_missing_model_is_an_error_in_words() -> None:
    with pytest.raises(EmbedderError, match=r"sentence-transformers|cannot be loaded"):
        embedder("sentence-transformers:/there/is/no/such/model")
