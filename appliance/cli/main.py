"""`hexpost`: the list of commands. Each lives in a module of its own, imported when it is called."""

import importlib
import re
import sys

import click

COMMANDS = {
    "run": "supervision:run_command",
    "demo": "demo:demo_command",
    "bridge": "parts:bridge_command",
    "serve": "parts:serve_command",
    "jobs": "parts:jobs_command",
    "sync": "syncing:sync_group",
    "central": "syncing:central_group",
    "migrate": "storing:migrate_command",
    "import": "importing:import_command",
    "archive": "archiving:archive_group",
    "reprocess": "reprocessing:reprocess_command",
    "replay": "replaying:replay_command",
    "simulate": "simulating:simulate_command",
    "analyze": "analyzing:analyze_command",
    "backtest": "backtesting:backtest_command",
    "forecast": "forecasting:forecast_group",
    "detect": "detecting:detect_command",
    "anomaly": "anomalies:anomaly_group",
    "query": "querying:query_group",
    "status": "storing:status_command",
    "clock": "clocks:clock_group",
    "verify": "storing:verify_command",
    "backup": "backing_up:backup_command",
    "restore": "backing_up:restore_command",
    "salvage": "backing_up:salvage_command",
    "user": "people:user_group",
    "device": "devices:device_group",
    "asset": "assets:asset_group",
    "quarantine": "quarantining:quarantine_group",
    "plate": "plates:plate_command",
    "watchlist": "watching:watchlist_group",
    "threshold": "watching:threshold_group",
    "basemap": "basemaps:basemap_group",
    "config": "storing:config_group",
}


EXAMPLE = "Example: "
WORD = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")


class Manual(click.HelpFormatter):
    """Help whose examples can be copied into a shell: a line that is broken ends as the shell needs it."""

    def write_text(self, text: str) -> None:
        """As click does, but for the example."""
        before, mark, example = text.partition(EXAMPLE)
        lines = _shell_lines(example, self.width - self.current_indent - len(EXAMPLE)) if mark else []
        super().write_text(before + "\b\n" + mark + " \\\n    ".join(lines) if lines else text)


def _shell_lines(command: str, width: int) -> list[str]:
    """A command in lines of at most so many characters, where its words allow; a quoted text is one word."""
    lines: list[str] = []
    for word in WORD.findall(command):
        if lines and len(lines[-1]) + 1 + len(word) <= width - len(" \\"):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


class Lazy(click.Group):
    """A group that imports a command's module only when the command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(f"appliance.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name where there is no such command."""
        import difflib

        if args and args[0] not in COMMANDS:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"; did you mean {close[0]}?" if close else "; `hexpost --help` lists them"
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hexpost")
def hexpost() -> None:
    """A box in the field that thinks for itself.

    Example: hexpost run --data ./hexpost-data
    """


click.Context.formatter_class = Manual


def main() -> None:
    """The entry point; exit codes 0, 1 (failed), 2 (usage)."""
    sys.exit(hexpost.main(standalone_mode=True))
