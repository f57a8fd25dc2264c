"""What one body says, collected while a codec reads it.

A codec tells measured values in canonical units, alarms, counts and facts of the device itself. What lies outside what
its kind of value can be marks the reading as implausible: a body that several codecs could have written is taken only
where it makes sense. Used by every codec and by `codec`.
"""

from datetime import datetime
from typing import Any

import msgspec

from appliance.model.observation import Alarm, EnvironmentReading, Motion, Observation, PeopleCount, Position

MAX_FINDINGS = 200  # observations of one body; 255 bytes seldom hold more than twenty

PLAUSIBLE: dict[str, tuple[float, float]] = {
    "temperature": (-60, 150),
    "soil_temperature": (-60, 100),
    "surface_temperature": (-60, 150),
    "dew_point": (-60, 60),
    "humidity": (0, 100),
    "soil_moisture": (-20, 100),
    "pressure": (300, 1200),
    "co2": (0, 50_000),
    "pm1": (0, 10_000),
    "pm2_5": (0, 10_000),
    "pm4": (0, 10_000),
    "pm10": (0, 10_000),
    "wind_speed": (0, 80),
    "wind_direction": (0, 360),
    "solar_irradiance": (-20, 2500),
    "sound_level": (0, 160),
    "distance": (0, 100),
    "battery_percent": (0, 100),
    "voltage_v": (0, 40),
}
"""Metric or fact -> what it is in the field, in canonical units: wide, since it only tells nonsense from weather."""

POSSIBLE: dict[str, tuple[float, float]] = {
    "temperature": (-273.15, 3000),
    "soil_temperature": (-273.15, 3000),
    "humidity": (0, 110),
    "wind_direction": (0, 360),
    "battery_percent": (0, 100),
}
"""Metric or fact -> beyond which a value is an error code, whoever sent it."""


class Findings(msgspec.Struct, gc=False):
    """Grows while a body is read; `implausible` where something in it cannot be."""

    device: str
    observed_at: datetime | None
    observation_id: str
    observations: list[Observation] = []
    facts: dict[str, Any] = {}
    implausible: bool = False

    def fresh(self) -> "Findings":
        """Nothing yet, of the same uplink."""
        return Findings(self.device, self.observed_at, self.observation_id)

    @property
    def touched(self) -> bool:
        """Whether anything was told."""
        return bool(self.observations or self.facts or self.implausible)

    def measure(self, metric: str, value: float, unit: str = "", channel: str = "", at: datetime | None = None) -> None:
        """A measured value in its canonical unit; `at` where it is older than the uplink that brings it."""
        if unit and metric in PLAUSIBLE and not self._holds(metric, value):
            return
        if len(self.observations) < MAX_FINDINGS:
            self.observations.append(
                EnvironmentReading(
                    device=self.device,
                    observed_at=at or self.observed_at,
                    observation_id="" if at else self.observation_id,
                    metric=metric,
                    value=round(float(value), 6),
                    unit=unit,
                    channel=channel,
                )
            )

    def alarm(
        self, name: str, active: bool, area: str = "", at: datetime | None = None, *, momentary: bool = False
    ) -> None:
        """A contact or an alarm; `momentary` is a press, of which each is one."""
        own = f"{self.observation_id}.{area}" if area and self.observation_id else self.observation_id
        self._add(
            Alarm(
                device=self.device,
                observed_at=at or self.observed_at,
                observation_id="" if at else own,
                name=name,
                active=active,
                area=area,
                momentary=momentary and active,
            )
        )

    def motion(self, active: bool, at: datetime | None = None) -> None:
        """Motion, or none."""
        self._add(
            Motion(
                device=self.device,
                observed_at=at or self.observed_at,
                observation_id="" if at else self.observation_id,
                active=active,
            )
        )

    def count(
        self,
        *,
        entered: int | None = None,
        left: int | None = None,
        present: int | None = None,
        line: str = "",
        subject: str = "people",
        cumulative: bool = False,
        at: datetime | None = None,
    ) -> None:
        """Who passed; both directions of a line become one count where they follow each other."""
        last = self.observations[-1] if self.observations else None
        same = type(last) is PeopleCount and at is None and (last.line, last.cumulative) == (line, cumulative)
        if same and type(last) is PeopleCount and last.left is None and entered is None and last.entered is not None:
            entered = last.entered
            self.observations.pop()
        self._add(
            PeopleCount(
                device=self.device,
                observed_at=at or self.observed_at,
                observation_id="" if at else self.observation_id,
                entered=entered,
                left=left,
                present=present,
                line=line,
                subject=subject,
                cumulative=cumulative,
            )
        )

    def locate(
        self, latitude: float, longitude: float, altitude_m: float | None = None, at: datetime | None = None
    ) -> None:
        """A fix; 0, 0 is how a receiver without one says so."""
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            self.implausible = True
            return
        if latitude == 0 and longitude == 0:
            return
        self._add(
            Position(
                device=self.device,
                observed_at=at or self.observed_at,
                observation_id="" if at else self.observation_id,
                longitude=longitude,
                latitude=latitude,
                altitude_m=altitude_m,
            )
        )

    def tell(self, fact: str, value: str | float) -> None:
        """A member of `DeviceHealth`."""
        if isinstance(value, str) or self._holds(fact, value):
            self.facts[fact] = value

    def _holds(self, name: str, value: float) -> bool:
        bounds = PLAUSIBLE.get(name)
        if bounds is None or bounds[0] <= value <= bounds[1]:
            return True
        self.implausible = True
        limits = POSSIBLE.get(name)
        return limits is None or limits[0] <= value <= limits[1]

    def _add(self, observation: Observation) -> None:
        if len(self.observations) < MAX_FINDINGS:
            self.observations.append(observation)
