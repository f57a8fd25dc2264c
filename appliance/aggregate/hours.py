"""Instants to the site's days and hours, quickly: the same few hours come again and again."""

from zoneinfo import ZoneInfo

from appliance.clock import HOUR_US, site_day, site_hour

CACHE_HOURS = 50_000  # five years of distinct hours, about 10 MB; then it starts anew


class SiteHours:
    """Remembers to which site day and hour each UTC hour belongs. One a writer; not shared between threads."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._whole: dict[int, tuple[str, int] | None] = {}

    def place(self, us: int) -> tuple[str, int]:
        """(day as ISO date, instant in microseconds at which the site's hour began) of an instant."""
        utc_hour = us // HOUR_US
        if utc_hour not in self._whole:
            if len(self._whole) >= CACHE_HOURS:
                self._whole.clear()
            self._whole[utc_hour] = self._place_of_hour(utc_hour)
        return self._whole[utc_hour] or self._place_exactly(us)

    def _place_exactly(self, us: int) -> tuple[str, int]:
        return site_day(us, self.zone).isoformat(), site_hour(us, self.zone)

    def _place_of_hour(self, utc_hour: int) -> tuple[str, int] | None:
        """The place shared by every instant of a UTC hour; None where the site's hours cut it in two."""
        first = self._place_exactly(utc_hour * HOUR_US)
        last = self._place_exactly(utc_hour * HOUR_US + HOUR_US - 1)
        return first if first == last else None
