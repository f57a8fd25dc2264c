"""Backups after a power cut: what counts as one is whole, and what the store calls done is there."""

from appliance.errors import HexpostError
from appliance.store.backup.ledger import fetch_backup_state
from appliance.store.backup.manifest import check_hashes, list_backups, read_manifest
from appliance.store.engine import FILE_NAME, Store
from appliance.store.verify import verify_copy
from appliance.wiring import Box, backup_folder


def faults_of_backups(box: Box, store: Store) -> list[str]:
    """What is wrong with the backups in a data directory."""
    there = list_backups(backup_folder(box))
    with store.read() as connection:
        last = fetch_backup_state(connection).folder.rpartition("/")[2]
    found = []
    if last and last not in {one.folder.name for one in there}:
        found.append(f"the backup {last} is called done and is not there")
    for backup in there:
        try:
            check_hashes(backup.folder)
            rows = read_manifest(backup.folder).rows["events"]
        except HexpostError as error:
            found.append(str(error))
            continue
        copy = Store(backup.folder / FILE_NAME)
        with copy.read() as connection:
            held = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()
        found += [f"{backup.folder}: {finding}" for finding in verify_copy(copy) if not finding.holds]
        copy.close()
        if held != rows:
            found.append(f"{backup.folder} holds {held} events and says {rows}")
    return found
