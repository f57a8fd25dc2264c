"""Where the broker is and how to be let in. Called by `wiring`; used by `client` and `publisher`."""

from urllib.parse import urlsplit

import msgspec

from appliance.errors import Rejected


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is and how to be let in."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None


def read_address(url: str, *, username: str = "", password: str | None = None, ca_file: str = "") -> Address:
    """The address in `mqtt://host:port` or `mqtts://host:port`.

    raises  Rejected  another scheme, no host, a port that is none, or a password in the URL
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise Rejected(f"mqtt.url {url!r}: the port is not a number below 65536") from None
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise Rejected(f"mqtt.url {url!r}: expected mqtt://host:port or mqtts://host:port")
    if parts.password:
        raise Rejected("mqtt.url holds a password; put it in a file and name that in mqtt.password_file")
    tls = parts.scheme == "mqtts"
    return Address(
        host=parts.hostname,
        port=port or (8883 if tls else 1883),
        tls=tls,
        username=parts.username or username or None,
        password=password,
        ca_file=ca_file or None,
    )
