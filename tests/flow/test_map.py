"""The map in a real browser, over the demonstration: `hexpost demo`, Chromium, every check of `ui/e2e`."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from appliance.spatial.cells import cell_of, to_hex
from tests.conftest import wait_for

pytestmark = [pytest.mark.flow, pytest.mark.timeout(600)]
UI = Path(__file__).parents[2] / "ui"
LAKE = (-79.33, 43.615)  # (lng, lat), a place without incidents


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL that `hexpost demo` prints, once its history is imported and scored."""
    folder = tmp_path_factory.mktemp("demo")
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli", "demo", "--data", str(folder / "demo")], stdout=out, stderr=out
        )
    try:
        found = wait_for(
            lambda: re.search(r"Map: (http://\S+)/", log.read_text(errors="replace")), deadline_s=90, what="the URL"
        )
        url = found.group(1)
        wait_for(lambda: scored(url) > 10_000, deadline_s=90, what="the picture")
        darken(folder / "demo", folder)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert "Traceback" not in log.read_text(errors="replace"), "a clean log is part of passing"


def darken(data: Path, folder: Path) -> None:
    """Let a camera over the lake, where nothing ever happened, report and then say goodbye."""
    registry, config = folder / "registry.csv", data / "demo.toml"
    registry.write_text(
        "source,registration,longitude,latitude,heading_deg,view_angle_deg,range_m\n"
        f"city/lake,approved,{LAKE[0]},{LAKE[1]},180,90,900\n"
    )
    options = ["--config", str(config), "--data", str(data)]
    subprocess.run([sys.executable, "-m", "appliance.cli", "device", "import", str(registry), *options], check=True)
    port = re.findall(r"^port = (\d+)", config.read_text(), re.MULTILINE)[1]
    for words in ("online", "offline"):
        topic = ["-t", "hexpost/v1/city/lake/status", "-m", words, "-q", "1"]
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", port, *topic], check=True, timeout=20)


def scored(url: str) -> int:
    """Bytes of the feed that tell of a score."""
    card = httpx.get(f"{url}/v1/map", timeout=30).json()
    if card["days"] is None:
        return 0
    days = card["days"]
    feed = httpx.get(
        f"{url}/v1/feed/risk", params={"from": days["from"], "to": days["to"], "resolution": 8}, timeout=30
    )
    return sum(byte <= 200 for byte in feed.content)


def test_the_map_holds_every_check_of_a_crew_member(demo: str, tmp_path: Path) -> None:
    shots = os.environ.get("HEXPOST_SHOTS")
    options = ["--shots", shots] if shots else ["--no-shots"]
    options += ["--blind-cell", to_hex(cell_of(lng=LAKE[0], lat=LAKE[1], resolution=8))]
    done = subprocess.run(
        ["node", "e2e/run.mjs", "--url", demo, *options], cwd=UI, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") >= 11


def test_a_tile_of_the_demonstration_is_read_by_the_reader_that_maps_use(demo: str, tmp_path: Path) -> None:
    day = httpx.get(f"{demo}/v1/map").json()["days"]["to"]
    tile = tmp_path / "tile.mvt"
    tile.write_bytes(httpx.get(f"{demo}/v1/tiles/10/286/373.mvt", params={"date": day}).content)
    script = ["node", "e2e/decode-tile.mjs", str(tile)]
    layers = subprocess.run(script, cwd=UI, capture_output=True, text=True, check=True).stdout
    assert '"risk"' in layers
    assert '"risk_level"' in layers
