"""`hexpost archive`: the raw archive, listed and sealed."""

import click

from appliance.cli.options import common, to_json
from appliance.wiring import Box, archive_folder


@click.group("archive")
def archive_group() -> None:
    """Every message as it was received: `hexpost reprocess` decodes it anew.

    Example: hexpost archive list
    """


@archive_group.command("list")
@common
def archive_list(box: Box, as_json: bool) -> None:
    """Show the sealed files, and what waits to be sealed.

    Example: hexpost archive list --json
    """
    from appliance.store.archive.manifest import sealed_files
    from appliance.store.archive.state import fetch_archive_state

    folder = archive_folder(box)
    files, state = sealed_files(folder), fetch_archive_state(folder)
    if as_json:
        click.echo(to_json({"files": files, "state": state}))
        return
    for file in files:
        gap = f", {file.missed:,} missing" if file.missed else ""
        click.echo(f"{file.file}  {file.rows:,} messages in {file.bytes / 1024:,.0f} KB{gap}")
    click.echo(
        f"{state.files:,} files, {state.rows:,} messages, {state.bytes / 1_048_576:,.1f} MB; "
        f"{state.spool_bytes / 1_048_576:,.1f} MB wait to be sealed"
    )


@archive_group.command("seal")
@click.option("--everything", is_flag=True, help="Also this hour, which is not over.")
@common
def archive_seal(box: Box, as_json: bool, everything: bool) -> None:
    """Seal hours that are over into Parquet files, and delete what `[retention]` does not keep.

    The jobs process does this every hour.

    Example: hexpost archive seal --everything
    """
    from appliance.store.archive.retire import retire_files
    from appliance.store.archive.seal import seal_spools

    folder, keep = archive_folder(box), box.settings.retention
    sealed = seal_spools(folder, now=box.clock(), everything=everything)
    gone = retire_files(
        folder,
        keep_days=keep.archive_days,
        max_bytes=keep.archive_mb * 1_048_576,
        now=box.clock(),
        clock_trusted=box.clock_trusted(),
    )
    if as_json:
        click.echo(to_json({"sealed": sealed, "deleted": gone}))
    else:
        click.echo(
            f"sealed {sealed.rows:,} messages into {sealed.files:,} files of {sealed.bytes / 1024:,.0f} KB; "
            f"deleted {gone.files:,} files"
        )
