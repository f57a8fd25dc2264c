"""A critical asset: a substation, a corridor, a plant; where it is, how much it matters, and its risk of a day."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from appliance.model.alert import Severity
from appliance.model.device_change import MAX_NAME, Text
from appliance.model.risk import RiskLevel

THRESHOLD = 75.0  # of the risk score: above it the level is critical
HYSTERESIS = 5.0  # so far below the threshold an alert is over
MAX_BUFFER_M = 10_000.0
DEFAULT_BUFFER_M = 100.0
ALERT_KIND = "asset_risk"
SEVERITY: tuple[Severity, ...] = ("info", "warning", "warning", "critical", "critical")
"""Of an alert, by the asset's criticality from 1."""

Basis = Literal["forecast", "counts_28d", ""]
AssetId = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f/]*$")]
Criticality = Annotated[int, Meta(ge=1, le=5)]
Buffer = Annotated[float, Meta(ge=0, le=MAX_BUFFER_M)]


class AssetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an asset alerts: at a risk score of `threshold`, until it is `hysteresis` below; never where `muted`."""

    threshold: Annotated[float, Meta(ge=0, le=100)] = THRESHOLD
    hysteresis: Annotated[float, Meta(ge=0, le=100)] = HYSTERESIS
    muted: bool = False


class AssetSettingsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings to set; None puts one back to its default."""

    threshold: Annotated[float, Meta(ge=0, le=100)] | UnsetType | None = UNSET
    hysteresis: Annotated[float, Meta(ge=0, le=100)] | UnsetType | None = UNSET
    muted: bool | UnsetType | None = UNSET


class AssetChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an asset is to be; without a geometry it has to be there, and keeps its own.

    geometry  a GeoJSON Point, LineString, Polygon or their Multi kind
    buffer_m  above 0 for points and lines, which have no extent of their own
    """

    name: Text | UnsetType = UNSET
    kind: Text | UnsetType = UNSET
    criticality: Criticality | UnsetType = UNSET
    buffer_m: Buffer | UnsetType = UNSET
    settings: AssetSettingsChange | UnsetType = UNSET
    geometry: dict[str, Any] | UnsetType = UNSET


class AssetRow(msgspec.Struct, frozen=True, kw_only=True):
    """An asset of an import: its key, and what it is to be."""

    asset_id: AssetId
    change: AssetChange


class AssetRisk(msgspec.Struct, frozen=True, kw_only=True):
    """An asset on a day. What is not known is None, never low.

    expected_events  in the footprint, by the forecast of its cells or their mean count of 28 known days before
    probability      of one event or more
    risk_score       0..100, on the forecast's scale: decades of events per km2 and day
    basis            which of the two; '' for neither
    basis_days       of how many known days, at most; 0 for a forecast
    observed_events  that came in in the footprint; at least so many where `observed_whole` is false
    watched          which part of the footprint lies in cells that were observed, 0..1
    """

    day: date
    expected_events: float | None
    probability: float | None
    risk_score: float | None
    risk_level: RiskLevel | None
    basis: Basis
    basis_days: int
    observed_events: int
    observed_whole: bool
    coverage: Literal["observed", "unknown"]
    watched: float


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A critical asset.

    cells, area_km2  of its footprint, once they are computed
    resolution       of the cells
    alerting         its risk has reached the threshold, and is not yet well below
    today            its risk of the site's day; None until it is computed
    """

    asset_id: str
    name: str
    kind: str
    criticality: int
    buffer_m: float
    settings: AssetSettings
    geometry: dict[str, Any]
    rev: int
    alerting: bool
    cells: int
    resolution: int | None
    area_km2: float | None
    today: AssetRisk | None
