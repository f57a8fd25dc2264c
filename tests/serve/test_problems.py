"""What is wrong with a request is said of what its sender wrote: the parameter's own name, and what may stand there."""

import pytest

from tests.serve.conftest import Client, problem


@pytest.mark.parametrize(
    ("query", "path", "words"),
    [
        ("alerts?state=zz", "state", "'zz' is none of open, acknowledged,"),
        ("anomalies?state=zz", "state", "'zz' is none of open, acknowledged,"),
        ("devices?state=up", "state", "'up' is none of pending, online,"),
        ("hotspots?method=zz", "method", "'zz' is none of "),
        ("events?limit=abc", "limit", "Expected `int`, got `str`"),
    ],
)
def test_a_parameter_at_fault_has_the_name_that_was_written_and_its_choices(
    admin: Client, query: str, path: str, words: str
) -> None:
    told = problem(admin.get(f"/v1/{query}"), 400)
    assert told["path"] == path
    assert told["detail"].startswith(words)
