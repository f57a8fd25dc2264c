"""Files of an older schema, for tests of what a migration makes of them."""

import shutil
from pathlib import Path

import pytest

from appliance.store.engine import FILE_NAME
from appliance.store.file import migrations


def migrate_up_to(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty file in a folder, of the schema before the migration of this name."""
    older = folder / "migration"
    older.mkdir()
    for file in migrations.FOLDER.glob("*.sql"):
        if file.stem < name:
            shutil.copy(file, older)
    path = folder / FILE_NAME
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "FOLDER", older)
        migrations.migrate(path, timezone="UTC")
    return path
