"""The configuration: what may stand in it, what the environment may say over it, and how faults are told."""

import pytest

from appliance.errors import Rejected
from appliance.model.settings import Settings
from appliance.model.settings_text import read_settings


def test_nothing_configured_is_a_box_that_works() -> None:
    assert read_settings("", {}) == Settings()
    assert (Settings().mqtt.url, Settings().http.host, Settings().http.port, Settings().sync.url) == (
        "embedded", "127.0.0.1", 8080, "",
    )  # fmt: skip
    assert Settings().zone.key == "UTC"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[sight]\nid = 'a'", "no section [sight]; did you mean site?"),
        ("[http]\nprot = 80", "no key http.prot; did you mean port?"),
        ("[http]\nzzz = 80", "no key http.zzz; there are host, port, max_upload_mb"),
        ("site = 3", "site is a section, written [site]"),
        ("[http]\nport = 'high'", "Expected `int`, got `str` - at `$.http.port`"),
        ("[risk]\nresolutions = [8, 'x']", "Expected `int`, got `str` - at `$.risk.resolutions[1]`"),
        ("[security]\npublic_events = 1", "Expected `bool`, got `int` - at `$.security.public_events`"),
        ("[http\n", "is not TOML"),
        ("[site]\ntimezone = 'Mars/Olympus'", "site.timezone 'Mars/Olympus' is not an IANA zone"),
        ("[site]\ntimezone = '../etc/passwd'", "is not an IANA zone"),
        ("[site]\nid = 'a/b'", "site.id cannot be 'a/b'"),
        ("[site]\nid = ''", "site.id cannot be ''; it is a text without a slash, as in kuwait-7"),
        ("[site]\nlatitude = 129.37", "site.latitude cannot be 129.37; it is degrees, from -90 to 90"),
        ("[site]\nlongitude = -181", "site.longitude cannot be -181.0; it is degrees, from -180 to 180"),
        ("[http]\nport = 99999", "http.port cannot be 99999; it is from 1 to 65535"),
        ("[mqtt]\nport = 0", "mqtt.port cannot be 0; it is from 1 to 65535"),
        ("[mqtt]\nurl = 'mqtt://'", "mqtt.url cannot be 'mqtt://'; it is \"embedded\", or mqtt://host:port"),
        ("[mqtt]\nurl = 'mqtt://broker:port'", "mqtt.url cannot be 'mqtt://broker:port'"),
        ("[sync]\nurl = 'postgresql://u:secret@h/db'", "sync.url cannot be this; it is without a password"),
        ("[sync]\nevery_s = 0", "sync.every_s cannot be 0.0; it is more than 0"),
        ("[security]\naccess_minutes = 0", "security.access_minutes cannot be 0; it is at least 1"),
        ("[risk]\ndays = 90\n[retention]\nrisk_days = 50", "it is 0 for ever, or at least risk.days and 8 more: 98"),
        ("[risk]\nresolutions = []", "risk.resolutions cannot be ()"),
        ("[risk]\nresolutions = [4]", "risk.resolutions cannot be (4,)"),
        ("[risk]\ndays = 0", "risk.days cannot be 0"),
        ("[risk]\npatrol_resolution = 12", "risk.patrol_resolution cannot be 12"),
        ("[risk]\ntype_weights = {fire = -1}", "risk.type_weights cannot be {'fire': -1.0}"),
        ("[risk]\ntype_weights = {fire = 'much'}", "Expected `float`, got `str` - at `$.risk.type_weights[...]`"),
        ("[risk]\ntype_weight = {fire = 2}", "no key risk.type_weight; did you mean type_weights?"),
        ("[risk]\nseverity_weight = -0.5", "risk.severity_weight cannot be -0.5"),
        ("[mqtt]\nurl = 'http://x'", "mqtt.url cannot be 'http://x'"),
        ("[mqtt]\nreceive_maximum = 65536", "mqtt.receive_maximum cannot be 65536"),
        ("[sync]\nurl = 'mysql://x'", "sync.url cannot be 'mysql://x'"),
        ("[http]\nmax_upload_mb = 0", "http.max_upload_mb cannot be 0"),
        ("[mqtt]\npassword = 'secret'", "no key mqtt.password; did you mean password_file?"),  # secrets stand in files
        ("[sync]\npassword = 'secret'", "no key sync.password; did you mean password_file?"),
    ],
)
def test_a_fault_is_told_with_its_place_and_the_nearest_name(text: str, fault: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_settings(text, {}, name="/etc/box.toml")
    assert str(caught.value).startswith("/etc/box.toml")
    assert fault in str(caught.value)
    assert "secret" not in str(caught.value)


def test_events_are_counted_where_the_picture_and_the_forecast_are_made() -> None:
    assert Settings().risk.counted == (7, 8, 9)
    text = "[risk]\nresolutions = [8, 6]\npatrol_resolution = 8\ntype_weights = {fire = 3, theft = 0.5}"
    found = read_settings(text, {}).risk
    assert (found.counted, found.type_weights) == ((6, 8), {"fire": 3.0, "theft": 0.5})


def test_the_environment_wins_over_the_file() -> None:
    text = "[http]\nport = 81\nhost = '::1'"
    found = read_settings(text, {"HEXPOST__HTTP__PORT": "82", "PATH": "/bin", "HEXPOST_DATA": "/data"})
    assert (found.http.port, found.http.host) == (82, "::1")


@pytest.mark.parametrize(
    ("variable", "value", "section", "key", "expected"),
    [
        ("HEXPOST__SITE__NAME", "North gate", "site", "name", "North gate"),
        ("HEXPOST__SITE__NAME", '"North gate"', "site", "name", "North gate"),
        ("HEXPOST__SITE__ID", "007", "site", "id", "007"),
        ("HEXPOST__SITE__NAME", "true", "site", "name", "true"),
        ("HEXPOST__SITE__LATITUDE", "29.37", "site", "latitude", 29.37),
        ("HEXPOST__RISK__RESOLUTIONS", "[7, 9]", "risk", "resolutions", (7, 9)),
        ("HEXPOST__RISK__TYPES", '["motion"]', "risk", "types", ("motion",)),
        ("HEXPOST__RISK__EVERY_S", "5", "risk", "every_s", 5.0),
        ("HEXPOST__SECURITY__PUBLIC_EVENTS", "true", "security", "public_events", True),
        ("HEXPOST__MQTT__URL", "mqtts://broker:8883", "mqtt", "url", "mqtts://broker:8883"),
    ],
)
def test_a_variable_is_read_as_its_key_is_typed(
    variable: str, value: str, section: str, key: str, expected: object
) -> None:
    assert getattr(getattr(read_settings("", {variable: value}), section), key) == expected


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("HEXPOST__HTTP", "80", "the form is HEXPOST__SECTION__KEY"),
        ("HEXPOST__A__B__C", "80", "the form is HEXPOST__SECTION__KEY"),
        ("HEXPOST__HTTP__PROT", "80", "variable HEXPOST__HTTP__PROT: no key http.prot; did you mean port?"),
        ("HEXPOST__HTTPS__PORT", "80", "did you mean http?"),
        ("HEXPOST__HTTP__PORT", "high", "variable HEXPOST__HTTP__PORT: Expected `int`, got `str` - at `$.http.port`"),
        ("HEXPOST__RISK__RESOLUTIONS", "8", "$.risk.resolutions"),
        ("HEXPOST__HTTP__PORT", "0", "variable HEXPOST__HTTP__PORT: http.port cannot be 0"),
    ],
)
def test_a_variable_that_cannot_be_is_refused(variable: str, value: str, fault: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_settings("", {variable: value})
    assert fault in str(caught.value)


def test_a_variable_for_a_section_that_the_file_has_wrong_is_still_a_plain_refusal() -> None:
    with pytest.raises(Rejected, match="http is a section"):
        read_settings("http = 3", {"HEXPOST__HTTP__PORT": "80"})


def test_no_key_is_a_secret() -> None:
    """Whatever is named like one is the name of a file."""
    import msgspec

    for section in msgspec.structs.fields(Settings):
        for field in msgspec.structs.fields(section.type):
            if any(word in field.name for word in ("password", "secret", "token")):
                assert field.name.endswith("_file")
