"""A long list, a page of it at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from broadsheet.views.catalogue import DEEPEST

PER_PAGE = 25
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Paging:
    """Where in a list a page stands, and the addresses of its neighbours."""

    path: str
    params: dict[str, str]
    page: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages can be turned to; at least one."""
        reachable = min(self.total, DEEPEST)
        return max(1, -(-reachable // PER_PAGE))

    @property
    def first(self) -> int:
        """The place in the list of the page's first entry."""
        return (self.page - 1) * PER_PAGE + 1

    @property
    def last(self) -> int:
        """The place of its last entry."""
        return min(self.page * PER_PAGE, self.total)

    @property
    def previous(self) -> str | None:
        """The address of the page before; None on the first."""
        return self._address(min(self.page - 1, self.pages)) if self.page > 1 else None

    @property
    def next(self) -> str | None:
        """The address of the page behind; None on the last."""
        return self._address(self.page + 1) if self.page < self.pages else None

    def _address(self, page: int) -> str:
        params = self.params | ({"page": str(page)} if page > 1 else {})
        return f"{self.path}?{urlencode(params)}" if params else self.path


def page_number(request: Request) -> int:
    """The page asked for; the first where the address states none that can be read."""
    asked = request.query_params.get("page", "1")
    return int(asked) if _NUMBER.fullmatch(asked) else 1
