"""What is out of the ordinary: what a detector says of it, how it is kept, and its life.

An anomaly opens when it is found. A person acknowledges it, and says in the end that it is explained (it was real, and
this is why) or false (there was nothing). What a person said moves the bar for the next one of the same subject, within
bounds and for a while (`appliance.anomaly.feedback`).
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

Kind = Literal["cell_count", "series", "stuck", "impossible", "impossible_move"]
State = Literal["open", "acknowledged", "explained", "false"]
Label = Literal["acknowledged", "explained", "false"]

DEVICE_KINDS: tuple[Kind, ...] = ("series", "stuck", "impossible", "impossible_move")
"""Those that tell of a device, and are not for everybody."""
MAX_NOTE = 1_000  # characters


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a detector says: the subject, when, and why.

    subject, family  whose bar it was judged by: of one series or cell, and of its kin
    event_type       '' where all types are counted together
    metric           with its channel, as in readings
    place            (longitude, latitude): the cell's centre, or where the device was; None where nobody knows
    score            0..1, 0.5 at the threshold
    probability      of so much or more by chance; None where that is not the question
    bar              decades by which the threshold stood above the standard
    detail           what the words are made of (`appliance.anomaly.telling`)
    version          of the detector
    """

    kind: Kind
    subject: str
    family: str
    started_at: datetime
    last_at: datetime
    score: float
    observed: float
    expected: float | None
    probability: float | None
    version: str
    resolution: int | None = None
    cell: int | None = None
    event_type: str = ""
    device: str = ""
    metric: str = ""
    unit: str = ""
    place: tuple[float, float] | None = None
    bar: float = 0.0
    detail: dict[str, Any] = {}


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """One that is kept, as the API shows it; times are aware UTC.

    h3_index   the cell; None for a device
    metric     with its channel; `unit` is UCUM
    score      0..1, 0.5 at the threshold
    bar        decades by which labels and the size of the site had raised the threshold when it was found
    detail     the numbers that `explanation` puts into words
    """

    id: int
    kind: Kind
    state: State
    subject: str
    h3_index: str | None
    resolution: int | None
    event_type: str
    device: str
    metric: str
    unit: str
    longitude: float | None
    latitude: float | None
    started_at: datetime
    last_at: datetime
    found_at: datetime
    score: float
    observed: float
    expected: float | None
    probability: float | None
    bar: float
    detail: dict[str, Any]
    version: str
    labelled_by: str
    labelled_at: datetime | None
    note: str
    rev: int
    explanation: str = ""


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """How far labels have moved a bar.

    decades   above the standard, now; it halves in a month
    version   raised with each label that moved it
    """

    subject: str
    decades: float
    false_count: int
    true_count: int
    changed_at: datetime
    version: int


class AnomalyChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of an anomaly; the note stays where none is given."""

    state: Label
    note: Annotated[str, msgspec.Meta(max_length=MAX_NOTE)] | None = None
