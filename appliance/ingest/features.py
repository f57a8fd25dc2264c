"""What every import of GeoJSON features has in common: the features one by one, each with its key and properties."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from appliance.errors import Rejected

T = TypeVar("T")


def read_features(document: object, read: Callable[[object, str], T]) -> Iterator[tuple[int, T | Rejected]]:
    """(place from 1, what `read` makes of the feature and its path, or why nothing) of each feature.

    raises  Rejected  the document is neither a Feature nor a FeatureCollection
    """
    kind = document.get("type") if isinstance(document, dict) else None
    features = [document] if kind == "Feature" else document.get("features") if isinstance(document, dict) else None
    if kind not in {"Feature", "FeatureCollection"} or not isinstance(features, list):
        raise Rejected("expected a GeoJSON FeatureCollection or Feature", "$.type")
    for place, feature in enumerate(features, start=1):
        try:
            yield place, read(feature, "$" if kind == "Feature" else f"$.features[{place - 1}]")
        except Rejected as rejected:
            yield place, rejected


def key_and_properties(feature: object, path: str, *, of: str, named: str) -> tuple[str, dict[str, Any], Any]:
    """(key, properties, geometry) of a feature; its key is its id or the property `named`. `of` is what it is to be.

    raises  Rejected  it is no Feature, or has no key
    """
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise Rejected("expected a Feature", f"{path}.type")
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise Rejected("expected an object", f"{path}.properties")
    key = feature.get("id", properties.get(named))
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str) or not key:
        raise Rejected(f"{of} needs a key: the feature's id, or its property {named}", f"{path}.id")
    return key, properties, feature.get("geometry")


def filled(value: Any, path: str) -> list[Any]:
    """A list that is not empty.

    raises  Rejected
    """
    if not isinstance(value, list) or not value:
        raise Rejected("expected a list that is not empty", path)
    return value
