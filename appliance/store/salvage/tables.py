"""What becomes of each table of a store that is put back: a test sees that every table of the schema stands here once.

Called by `merge` and `rules`.
"""

BY_RECORDER = frozenset({"events", "reading_series", "reading_values", "positions"})
"""Go through the recorder, so that what is there already is a duplicate."""

BY_KEY = frozenset(
    {
        *("anomaly_thresholds", "asset_cells", "asset_risk", "assets", "audit_log", "cell_coverage", "device_groups"),
        *("environment_thresholds", "firmware_images", "late_readings", "learned", "maintenance_windows"),
        *("quarantine", "reading_days", "reading_hours", "zones"),
    }
)
"""Each row is added where its key is not there yet."""

BY_RULE = frozenset(
    {
        *("users", "devices", "event_counts", "pinned_events", "boots"),
        *("alerts", "anomalies", "backtests", "commands", "firmware_wave_devices", "firmware_waves"),
        *("forecast_parameters", "outages", "watch_list", "watch_list_hits"),
    }
)
"""Have a rule of their own, in `merge` or `rules`."""

COMPUTED = {
    "by migrations and by recording": {
        *("schema_migrations", "event_keys", "event_cells", "event_segments", "settled", "counted", "h3_cells"),
        *("fresh_rows", "reading_minutes", "open_bins", "message_digests", "reading_repeats"),
    },
    "from the counters by the next run": {
        *(
            "cell_aggregates",
            "legacy_scores",
            "baselines",
            "baseline_sets",
            "changed_days",
            "packed_days",
            "day_changes",
            "judged_days",
        ),
        *("runs", "asset_marks"),
    },
    "by the next forecast": {"forecasts", "forecast_grids", "forecast_runs", "forecast_checks", "forecast_scores"},
    "from the events and the registry by the jobs": {
        *("cell_watchers", "coverage_state", "device_activity", "iot_followed", "judged_hours"),
    },
}
"""Made anew from what comes back, by how."""

LEFT = {
    "the new store's own": {
        *("site", "registry", "sync_state", "outbox", "tombstones", "salvage", "horizons", "ladders", "chores"),
        *("item_totals", "backups", "alert_outlets", "purged_hours", "clock_steps"),
    },
    "learned again from what comes in": {"watch_states", "watch_cursor", "environment_states"},
    "lost: the states of devices hour by hour; outages and the coverage of days come back": {"device_spans"},
}
"""Not put back, by why."""
