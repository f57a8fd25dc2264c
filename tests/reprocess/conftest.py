"""Sites for these tests, closed at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reprocess.site import Site

MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[MakeSite]:
    """Makes sites in folders of their own."""
    made: list[Site] = []

    def make(*given: Any, folder: Path | None = None, **settings: Any) -> Site:
        made.append(Site(folder or tmp_path / f"site{len(made)}", *given, **settings))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A site with the wrong mapping."""
    return make_site()
