"""What a site's own history teaches a forecast, as it is stored; and what holds before it has taught anything."""

import hashlib

import msgspec

from appliance.forecast.history import HORIZONS
from appliance.forecast.past import PARTS

CODE_VERSION = "calibrated-2"
"""Changes whenever the same parameters and history would give another forecast."""

_DEFAULT = {"own_all": 0.50, "own_240d": 0.15, "own_60d": 0.05, "near_all": 0.08, "wide_all": 0.08, "even": 0.05}
_REST = (1 - sum(_DEFAULT.values())) / (len(PARTS) - len(_DEFAULT))
DEFAULT_WEIGHTS = tuple(_DEFAULT.get(part, _REST) for part in PARTS)
"""Near what most sites teach: mostly the long run of the cell itself, some of its neighbourhood, a little of today."""


class HorizonParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Of one horizon.

    weights          of `past.PARTS`, sum 1
    level_half_life  place in `level.LEVEL_HALF_LIVES_DAYS`
    weekday_weeks    place in `level.WEEKDAY_WEEKS`
    clumping         events come in clumps: adds this multiple of the mean to the variance
    unevenness       days differ: adds this multiple of the squared mean
    """

    weights: tuple[float, ...] = DEFAULT_WEIGHTS
    level_half_life: int = 1
    weekday_weeks: int = 0
    clumping: float = 0.1
    unevenness: float = 0.2


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """Of a site: what its history taught, or by default what holds before.

    class_strengths, shift_strengths  events, as in `forecast.season`
    events                            how many events the weights of the next day were learned from; 0: defaults
    """

    code_version: str = CODE_VERSION
    class_strengths: tuple[float, float, float] = (128.0, 256.0, 1024.0)
    shift_strengths: tuple[float, float, float] = (128.0, 256.0, 1024.0)
    horizons: dict[str, HorizonParameters] = msgspec.field(
        default_factory=lambda: {name: HorizonParameters() for name in HORIZONS}
    )
    events: int = 0

    @property
    def version(self) -> str:
        """Twelve hex digits of the content: the same parameters have the same version everywhere."""
        return hashlib.blake2b(msgspec.json.encode(self, order="sorted"), digest_size=6).hexdigest()
