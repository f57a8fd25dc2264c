"""Whatever a client sends by the API's own description: no error of ours, and no answer it does not describe."""

from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from appliance.store.engine import Store
from appliance.wiring_bridge import retry_quarantine
from tests.bridge.gauges import box_of
from tests.serve.conftest import Analyze, Client, bearer_of

EXAMPLES = 25  # an operation
SKIPPED = {"/v1/stream"}  # does not end; `test_stream` reads it


@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", [None, "public", "admin"])
def test_no_request_by_the_description_brings_an_error_or_an_undescribed_answer(
    live: Callable[..., str], store: Store, fill: Callable[[], None], analyze: Analyze, role: str | None
) -> None:
    fill()
    analyze()
    url = live(retry=partial(retry_quarantine, box_of(store), store))
    headers = bearer_of(store, "caller", role) if role else {}
    api = schemathesis.openapi.from_url(f"{url}/v1/openapi.json")
    asked = 0
    for found in api.get_all_operations():
        operation = found.ok()
        if operation.path in SKIPPED:
            continue

        @settings(
            max_examples=EXAMPLES,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            if case.path == "/v1/analytics/run":
                case.query["wait"] = 0
            answer = case.call(headers=headers)
            case.validate_response(answer, checks=[not_a_server_error, status_code_conformance])

        ask()
        asked += 1
    assert asked >= 20


@pytest.mark.deep
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(
        ["events?cursor=", "events?bbox=", "events?from=", "events?limit=", "risk/", "risk/today?cursor=", "cells/",
         "hotspots?start_date=", "tiles/1/1/", "tiles/hex/1/1/", "feed/risk/", "feed/risk?from=", "basemaps/",
         "tiles.json?date=", "quarantine?topic=", "quarantine?cursor=", "quarantine/", "anomalies?cursor=",
         "anomalies?h3=", "anomalies?bbox=", "anomalies?from=", "anomalies/"]
    ),
    st.text(max_size=30) | st.from_regex(r"[0-9.,\-:TZ]{1,30}", fullmatch=True),
)  # fmt: skip
def test_no_text_in_a_parameter_is_an_error_of_ours(admin: Client, path: str, text: str) -> None:
    answer = admin.get(f"/v1/{path}{quote(text, safe='')}")
    assert answer.status_code < 500, answer.text
