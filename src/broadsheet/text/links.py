r"""Links in plain text, repaired where a conversion from TeX has damaged them.

Sources: bare ``https://…`` (RFC 3986, ASCII only), well-known hosts without a scheme, LaTeX's
``\url{…}`` and ``\href{…}{…}``, Markdown's ``[label](url)``, and what conversions leave of them:
``https://X{https://X}``, ``https://X{label}``, ``https://X}``, ``https:// X``.

Nothing here opens a link. What comes out is http or https, has a plausible public host name, no
credentials, no control character and at most ``MAX_URL`` characters; anything else stays text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from broadsheet.text.maths import matching

MAX_URL = 2000
MAX_LABEL = 300
_MAX_PORT = 65535
_CONTEXT = 80

Kind = Literal["code", "project", "data", "model", "video", "paper", "page"]


@dataclass(frozen=True, slots=True)
class Link:
    """One link at ``text[start:end]``.

    ``shown`` is its label where the author gave one (possibly with TeX in it), otherwise the
    address as it stood. ``repaired`` says that ``url`` is not what stood at that place.
    """

    start: int
    end: int
    url: str
    kind: Kind
    repaired: bool
    shown: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A link before its kind is known: span, address as written, label ("" if there is none)."""

    start: int
    end: int
    written: str
    label: str


# Hosts that authors name without a scheme. The last group is any site under these suffixes.
_BARE_HOSTS = (
    *("github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "huggingface.co", "hf.co"),
    *("zenodo.org", "kaggle.com", "arxiv.org", "doi.org", "openreview.net", "youtu.be"),
    *("youtube.com", "sites.google.com", "anonymous.4open.science", "osf.io", "figshare.com"),
)
_BARE_SUFFIXES = ("github.io", "gitlab.io", "netlify.app", "vercel.app", "readthedocs.io")

# What tells a text with links from one without, as plain substrings (see find_links).
_HINTS = ("://", "www.", ": //", *(f"{host}/" for host in _BARE_HOSTS), *_BARE_SUFFIXES)

# Each hint has one of these, and most texts have none: a few searches instead of all.
_RARE = ("/", *(hint for hint in _HINTS if "/" not in hint))

# A candidate begins at most this far before its hint: a Markdown label, then its brackets.
_REACH = 260


def _alternatives(hosts: tuple[str, ...]) -> str:
    return "|".join(re.escape(host) for host in hosts)


_SITE = (
    rf"(?:www\.)?(?:{_alternatives(_BARE_HOSTS)})/[\w~@]"
    rf"|[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.(?:{_alternatives(_BARE_SUFFIXES)})(?![\w-]|\.\w)"
    r"|www\.[a-z0-9-]{1,63}\.[a-z]"
)
_START = re.compile(
    r"\\(?P<macro>url|href|hyperlink|path)\s?\{"
    r"|\[(?P<label>[^\[\]\n]{1,200})\]\((?=\s?(?:https?:|[\w-]+\.))"
    r"|(?<![A-Za-z0-9])(?P<scheme>https?:\s?//)"
    rf"|(?<![\w@./-])(?P<site>{_SITE})",
    re.IGNORECASE,
)
# RFC 3986 without the characters that TeX and prose put around addresses; TeX's escapes of them.
# A second bracket or a new address ends it ("x)(y", "x,https://y"); possessive, so always linear.
_URL_CHARS = re.compile(
    r"(?:[A-Za-z0-9\-._~:/?#@!$&'*+=%]++|[(\[](?![(\[])|[)\]](?![(\[])|[,;](?!http)|\\[_%#&~.-])++"
)
# A Markdown target: one level of balanced brackets, as CommonMark allows.
_TARGET = re.compile(r"\s?([^\s()<>]{1,1000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,800})?)\s?\)")
_SCHEME = re.compile(r"(?:https?://)?(https?):\s?//\s{0,2}", re.IGNORECASE)
_GROUP_GAP = re.compile(r"[ \t]?(?=\{)")
_URL = re.compile(r"(https?)://([A-Za-z0-9.-]{4,253})(:\d{1,5})?((?:[/?#].*)?)")
_HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_TOP_LABEL = re.compile(r"[A-Za-z]{2,24}|xn--[a-z0-9-]{1,59}")
# Never public: RFC 6761, RFC 6762, and the names that private networks use.
_PRIVATE = frozenset(
    {
        "local",
        "localhost",
        "localdomain",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "test",
        "invalid",
    }
)
_SENTENCE_END = ".,;:!?'\"*"
_BRACKETS = {")": "(", "]": "["}


def find_links(text: str) -> tuple[Link, ...]:
    """Find the links of ``text``, in order and without overlap.

    Never fails; an address that breaks a rule in the head of this module is not a link, and no
    part of it is searched for another.
    """
    if not may_hold_links(text):
        return ()
    braces = matching(text)
    closed = frozenset(braces.values())
    links: list[Link] = []
    position = 0
    hints = _Hints(text)
    while match := hints.search_from(position):
        found, position = _read(text, match, braces)
        link = found and _link(text, _widened(text, found, closed), _last_end(links))
        if link:
            links.append(link)
            position = max(position, link.end)
    return tuple(links)


class _Hints:
    """Finds candidates; the pattern, slow on prose, only looks at what is near a hint.

    Each hint's next place is looked up once and kept until passed, so that all the looking
    together reads the text at most once a hint.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._places = dict.fromkeys(_HINTS, -1)

    def search_from(self, position: int) -> re.Match[str] | None:
        for hint, place in list(self._places.items()):
            if place < position:
                self._places[hint] = self._text.find(hint, position)
                if self._places[hint] < 0:
                    del self._places[hint]
        if not self._places:
            return None
        return _START.search(self._text, max(position, min(self._places.values()) - _REACH))


def may_hold_links(text: str) -> bool:
    """Whether ``find_links`` can find anything at all; a few substring searches, so very fast."""
    return any(rare in text for rare in _RARE) and any(hint in text for hint in _HINTS)


def _last_end(links: list[Link]) -> int:
    """Where the words that may describe the next link begin: after the last one."""
    return links[-1].end if links else 0


# --- reading one candidate ----------------------------------------------------------------------


def _read(text: str, match: re.Match[str], braces: Mapping[int, int]) -> tuple[_Found | None, int]:
    """The candidate at ``match``, if it holds an address, and where to search on."""
    if match["macro"]:
        found = _macro(text, match, braces)
        return found, found.end if found else match.end()
    if match["label"]:
        found = _markdown(text, match)
        return found, found.end if found else match.start() + 1  # its label may hold an address
    found = _bare(text, match.start(), braces)
    return found, max(match.end(), found.end if found else 0)


def _macro(text: str, match: re.Match[str], braces: Mapping[int, int]) -> _Found | None:
    r"""``\url{X}``, ``\href{X}{label}``; also with arguments swapped, or never closed."""
    opening = match.end() - 1
    first = _group(text, opening, braces)
    if first is None:
        bare = _bare(text, match.end(), {})
        return bare and _Found(match.start(), bare.end, bare.written, "")
    end = braces[opening] + 1
    second = None
    if match["macro"].lower() not in ("url", "path"):
        gap = _GROUP_GAP.match(text, end)
        second = _group(text, gap.end(), braces) if gap else None
        end = braces[gap.end()] + 1 if gap and second is not None else end
    if second is not None and not is_address(first) and is_address(second):
        first, second = second, first
    return _Found(match.start(), end, first, second or "") if first else None


def _markdown(text: str, match: re.Match[str]) -> _Found | None:
    target = _TARGET.match(text, match.end())
    if target is None:
        return None
    return _Found(match.start(), target.end(), target[1], match["label"])


def _bare(text: str, start: int, braces: Mapping[int, int]) -> _Found | None:
    scheme = _SCHEME.match(text, start)
    body = scheme.end() if scheme else start
    address = _trimmed(_run(text, body))
    if not address:
        return None
    end = body + len(address)
    found = _Found(start, end, text[start:end], "")
    return _with_group(text, found, braces)


def _with_group(text: str, found: _Found, braces: Mapping[int, int]) -> _Found:
    """``X{label}`` and ``X {X}``: what is left of a ``href`` or of a footnote."""
    gap = _GROUP_GAP.match(text, found.end)
    if gap is None:
        return found
    label = _group(text, gap.end(), braces)
    if label is None or (gap[0] and not is_address(label)):
        return found
    return _Found(found.start, braces[gap.end()] + 1, found.written, label)


def _group(text: str, opening: int, braces: Mapping[int, int]) -> str | None:
    closing = braces.get(opening, -1)
    if closing < 0 or closing - opening > MAX_URL:
        return None
    return text[opening + 1 : closing].strip()


def _run(text: str, start: int) -> str:
    """The address characters from ``start``, up to where a second address begins."""
    match = _URL_CHARS.match(text, start, start + MAX_URL + 1)
    return match[0] if match else ""


def _trimmed(address: str) -> str:
    """Without the punctuation of the sentence around it; balanced brackets stay."""
    unopened = _unbalanced(address)
    if unopened >= 0:
        address = address[:unopened]
    return address.rstrip(_SENTENCE_END + "([")


def _unbalanced(address: str) -> int:
    """Index of the first closing bracket that nothing in the address opens, or -1."""
    depth = {"(": 0, "[": 0}
    for index, char in enumerate(address):
        if char in depth:
            depth[char] += 1
        elif char in _BRACKETS:
            depth[_BRACKETS[char]] -= 1
            if depth[_BRACKETS[char]] < 0:
                return index
    return -1


def is_address(text: str) -> bool:
    """Whether ``text`` begins like an address of the web, with or without its scheme."""
    return bool(re.match(rf"\s?(?:https?:|{_SITE})", text, re.IGNORECASE))


def _widened(text: str, found: _Found, closed: frozenset[int]) -> _Found:
    """With the dollars or the stray closing brace that a conversion left around the link."""
    start, end = found.start, found.end
    if text[end : end + 1] == "}" and end not in closed:
        end += 1
    elif text[end : end + 1] == "$" and start and text[start - 1] == "$":
        start, end = start - 1, end + 1
    return _Found(start, end, found.written, found.label)


# --- from a candidate to a link -----------------------------------------------------------------


def _link(text: str, found: _Found, since: int) -> Link | None:
    url = _clean(found.written)
    if url is None:
        return None
    stood = text[found.start : found.end]
    shown = found.written.strip()
    if found.label and len(found.label) <= MAX_LABEL and "://" not in found.label:
        shown = found.label
    before = text[max(since, found.start - _CONTEXT) : found.start]
    return Link(found.start, found.end, url, _kind(url, before, found.label), url != stood, shown)


def _clean(written: str) -> str | None:
    """The absolute URL for an address as written, or None if it must not become a link."""
    address = re.sub(r"\\([_%#&~.-])", r"\1", written.strip())
    scheme = _SCHEME.match(address)
    rest = address[scheme.end() :] if scheme else address
    url = f"{scheme[1].lower() if scheme else 'https'}://{_trimmed(rest)}"
    match = _URL.fullmatch(url)
    if match is None or len(url) > MAX_URL or not _URL_CHARS.fullmatch(url) or "\\" in url:
        return None
    if match[3] and not 0 < int(match[3][1:]) <= _MAX_PORT:
        return None
    return url if _is_public(match[2]) else None


def _is_public(host: str) -> bool:
    labels = host.lower().split(".")
    if labels[:-1] == [] or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        return False
    return bool(_TOP_LABEL.fullmatch(labels[-1])) and labels[-1] not in _PRIVATE


# --- kind ---------------------------------------------------------------------------------------

_KINDS_BY_HOST: tuple[tuple[str, Kind], ...] = (
    (r"(?:huggingface|hf)\.co/datasets/|zenodo\.org|kaggle\.com|figshare\.com|osf\.io", "data"),
    (r"(?:huggingface|hf)\.co/papers/|arxiv\.org|(?:dx\.)?doi\.org|openreview\.net", "paper"),
    (r"aclanthology\.org|proceedings\.|dl\.acm\.org|ieeexplore\.ieee\.org", "paper"),
    (r"(?:huggingface|hf)\.co/spaces/", "project"),
    (r"(?:huggingface|hf)\.co/[\w.-]+/[\w.-]+|modelscope\.cn/models/", "model"),
    (r"youtu\.be|youtube\.com|m\.youtube\.com|vimeo\.com|bilibili\.com", "video"),
    (r"(?:gist\.)?github\.com|gitlab\.|bitbucket\.org|codeberg\.org|gitee\.com", "code"),
    (r"pypi\.org|colab\.research\.google\.com|anonymous\.4open\.science", "code"),
    (
        r"[\w-]+\.(?:github|gitlab)\.io|[\w-]+\.(?:netlify|vercel)\.app|sites\.google\.com",
        "project",
    ),
)
_HOST_KINDS = tuple(
    (re.compile(rf"(?:www\.)?(?:{pattern})", re.IGNORECASE), kind)
    for pattern, kind in _KINDS_BY_HOST
)
# The words that announce a link. The last one before it decides.
_CUES = re.compile(
    r"(?P<project>project\s+(?:web)?(?:page|site)|project\s+home|project\s+is|homepage|web\s?site|web\s?page|demos?\b)"
    r"|(?P<code>\bcodes?\b|source[\s-]code|implementation|repository|toolkit|package)"
    r"|(?P<data>\bdata\b|data\s?sets?|benchmark|corpus|corpora)"
    r"|(?P<model>model\s+weights|\bweights|checkpoints?|pre-?trained\s+models?|\bmodels?\b)"
    r"|(?P<video>\bvideos?\b)"
    r"|(?P<paper>\bpaper\s*(?:at|:)|\bpreprint)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?]\s+(?=[A-Z\\])")


def _kind(url: str, before: str, label: str) -> Kind:
    """What a link leads to: its host says, and the words before it where the host does not."""
    cues = _cues(_SENTENCE.split(before)[-1]) + _cues(label)
    place = url.split("://", 1)[1]
    for pattern, kind in _HOST_KINDS:
        if pattern.match(place):
            return _refined(kind, cues)
    return cues[-1] if cues else "page"


def _cues(words: str) -> list[Kind]:
    known: tuple[Kind, ...] = ("project", "code", "data", "model", "video", "paper")
    return [kind for match in _CUES.finditer(words) for kind in known if match.lastgroup == kind]


def _refined(kind: Kind, cues: list[Kind]) -> Kind:
    """A repository may be only a data set or a project page, if its sentence says so."""
    if kind == "code" and cues and "code" not in cues and cues[-1] in ("data", "project"):
        return cues[-1]
    return kind
