"""Files of one box's archive fill another box's store."""

from pathlib import Path

import pytest

from appliance.store.archive.manifest import sealed_files
from appliance.wiring import archive_folder
from tests.cli.test_importing_parquet import call
from tests.reprocess.conftest import MakeSite
from tests.reprocess.site import MENDED, Site, alarm, level, native, raw, where
from tests.reprocess.test_reprocess import DAY


@pytest.fixture
def archived(make_site: MakeSite) -> tuple[Site, Path]:
    """A site that has heard a day, and the file of its archive."""
    site = make_site(MENDED)
    site.hear(*DAY, raw(20, "nobody/knows", b"?"), native(21, value=1.0), native(22, event_id="e21", value=2.0, rev=1))
    site.reprocess(dry_run=True)
    (file,) = sealed_files(archive_folder(site.box))
    return site, archive_folder(site.box) / file.file


def test_a_file_of_an_archive_fills_an_empty_box(archived: tuple[Site, Path], make_site: MakeSite) -> None:
    site, file = archived
    fresh = make_site(MENDED)
    report = call(fresh.box.data, str(file))
    assert (report["messages"], report["accepted"], report["corrected"], report["rejected"]) == (10, 8, 1, 1)
    assert report["statistics"]["read"] == report["statistics"]["stored"]
    assert fresh.content() == site.content()
    again = call(fresh.box.data, str(file))
    assert (again["accepted"], again["duplicate"]) == (0, 9)
    fresh.check()


def test_sealed_messages_of_another_box_are_counted(make_site: MakeSite, tmp_path: Path) -> None:
    site = make_site(MENDED)
    site.hear(native(1, attributes={"plate": "x"}), native(2), level(3, 5), alarm(4), where(5))
    site.reprocess(dry_run=True)
    (file,) = sealed_files(archive_folder(site.box))
    report = call(tmp_path / "data", str(archive_folder(site.box) / file.file))
    assert (report["destroyed"], report["accepted"], report["rejected"]) == (1, 1, 3)
