"""`hexpost reprocess` by hand: days and instants, wrong ones refused, what is done said."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from appliance.cli.main import hexpost
from appliance.cli.reprocessing import read_bound
from appliance.errors import Rejected

KUWAIT = ZoneInfo("Asia/Kuwait")
ROWS = '{"event_type":"crash","event_timestamp":"2026-11-21T10:00:00Z","longitude":47.9,"latitude":29.3,"value":1}\n'


def call(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(hexpost, [*arguments, "--data", str(data)])


@pytest.mark.parametrize(
    ("text", "last", "bound"),
    [
        ("2026-11-21", False, datetime(2026, 11, 20, 21, tzinfo=UTC)),
        ("2026-11-21", True, datetime(2026, 11, 21, 21, tzinfo=UTC)),
        ("2026-11-21T10:00:00Z", True, datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00+03:00", False, datetime(2026, 11, 21, 7, tzinfo=UTC)),
    ],
)
def test_a_day_is_the_sites_and_inclusive_and_an_instant_is_itself(text: str, last: bool, bound: datetime) -> None:
    assert read_bound(text, "--to", KUWAIT, last=last) == bound


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-11-21T10:00", ""])
def test_what_is_neither_is_refused_with_both_forms(text: str) -> None:
    with pytest.raises(Rejected, match="--from"):
        read_bound(text, "--from", KUWAIT)


def test_it_says_what_it_did(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "crashes.jsonl").write_text(ROWS)
    assert call(data, "import", str(tmp_path / "crashes.jsonl")).exit_code == 0
    today = datetime.now(UTC).date().isoformat()
    dry = call(data, "reprocess", "--from", "2026-01-01", "--to", today, "--dry-run")
    assert dry.exit_code == 0 and "events: 1 before; 0 would be added, 0 changed, 0 removed, 1 kept" in dry.stdout
    done = json.loads(call(data, "reprocess", "--from", "2026-01-01", "--to", today, "--json").stdout)
    assert done["messages"] == 1 and done["done"]["events_changed"] == 0
    turned = call(data, "reprocess", "--from", today, "--to", "2026-01-01")
    assert turned.exit_code == 1 and "lies after" in turned.stderr
    assert "no store" in call(tmp_path / "nowhere", "reprocess", "--from", today, "--to", today).stderr
