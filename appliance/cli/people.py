"""`hexpost user`: local users."""

import sys
from pathlib import Path

import click

from appliance.cli.options import common, to_json
from appliance.errors import Rejected
from appliance.wiring import Box, find_store, open_store


@click.group("user")
def user_group() -> None:
    """Local users.

    Example: hexpost user add chief --role admin --password-file secret.txt
    """


@user_group.command("add")
@click.argument("name")
@click.option("--role", default="admin", show_default=True, help="admin or public")
@click.option(
    "--password-file", type=click.Path(path_type=Path, allow_dash=True), help="Its first line; - reads stdin."
)
@common
def user_add(box: Box, as_json: bool, name: str, role: str, password_file: Path | None) -> None:
    """Add a user, or give an existing one a new role and password.

    Example: hexpost user add chief --role admin --password-file secret.txt
    """
    from appliance.store.users import upsert_user

    password = _password(password_file)
    with open_store(box).write() as connection:
        user = upsert_user(connection, name=name, role=role, password=password, now=box.clock())
    click.echo(to_json(user) if as_json else f"{user.name} is {user.role}")


@user_group.command("list")
@common
def user_list(box: Box, as_json: bool) -> None:
    """Every user.

    Example: hexpost user list
    """
    from appliance.store.users import fetch_users

    with find_store(box).read() as connection:
        users = fetch_users(connection)
    if as_json:
        click.echo(to_json(users))
        return
    for user in users:
        click.echo(f"{user.name}  {user.role}")


@user_group.command("remove")
@click.argument("name")
@common
def user_remove(box: Box, as_json: bool, name: str) -> None:
    """Remove a user; its tokens end.

    Example: hexpost user remove chief
    """
    from appliance.store.users import delete_user

    with find_store(box).write() as connection:
        delete_user(connection, name)
    click.echo(to_json({"removed": name}) if as_json else f"{name} is removed")


def _password(file: Path | None) -> str:
    if file is None:
        if not sys.stdin.isatty():
            raise Rejected("no terminal to ask for the password on; say --password-file FILE, or - for standard input")
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    try:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"reading the password in {file}: {error}") from None
    if not text.strip():
        raise Rejected(f"reading the password in {file}: it is empty; its first line is the password")
    return text.splitlines()[0]
