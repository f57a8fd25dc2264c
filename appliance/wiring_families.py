"""The families of firmware put together: those that come with the program and a technician's own mapping files."""

import contextlib
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from appliance.errors import Rejected
from appliance.wiring import Box
from firmware_bridge.family.catalogue import build_families
from firmware_bridge.inbound import Family
from firmware_bridge.mapping.compile import compile_mapping

log = logging.getLogger(__name__)

FAMILY_FOLDER = Path(__file__).parent.parent / "firmware_bridge" / "family"


def built_in_mappings() -> list[str]:
    """The text of each mapping file that comes with the program."""
    return [file.read_text(encoding="utf-8") for file in sorted(FAMILY_FOLDER.glob("*.toml"))]


def mapping_folder(box: Box) -> Path:
    """Where a technician's own mapping files are."""
    return box.data / "mappings"


def mapping_state(box: Box) -> str:
    """What tells one state of the technician's mapping files from another, without reading them; never empty."""
    stamps = []
    for file in sorted(mapping_folder(box).glob("*.toml")):
        with contextlib.suppress(FileNotFoundError):  # disabled in this very moment
            status = file.stat()
            stamps.append(f"{file.name}:{status.st_mtime_ns}:{status.st_size}")
    return hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:16]


def load_families(box: Box) -> Sequence[Family]:
    """Every family of firmware; a technician's file that cannot be used is logged and left out."""
    own = []
    for file in sorted(mapping_folder(box).glob("*.toml")):
        try:
            text = file.read_text(encoding="utf-8")
            compile_mapping(text)
            own.append(text)
        except (OSError, UnicodeDecodeError, Rejected) as error:
            log.error("mapping %s is left out: %s; `hexpost device mapping try` shows what is wrong", file, error)
    return build_families([*built_in_mappings(), *own])
