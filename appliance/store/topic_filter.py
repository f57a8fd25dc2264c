"""MQTT topic filters: which topics one names. Asked for the entries of quarantine that are meant."""

import re
from collections.abc import Callable

from appliance.errors import Rejected

MAX_FILTER = 65_535  # bytes. Source: MQTT 5.0, 1.5.4


def read_filter(text: str) -> Callable[[str], bool]:
    """Whether a topic is named by this filter.

    `+` stands for one level, `#` at the end for any number of them, none included; at the beginning neither names a
    topic that begins with `$`. Source: MQTT 5.0, 4.7.
    raises  Rejected  it is not a filter
    """
    levels = text.split("/")
    if not text or "\0" in text or len(text.encode(errors="surrogatepass")) > MAX_FILTER:
        raise Rejected("not an MQTT topic filter: it is empty, too long or holds a null character", "topic")
    if any("#" in level for level in levels[:-1]) or any(len(one) > 1 and set(one) & set("+#") for one in levels):
        raise Rejected(f"{text[:100]!r}: + stands for a whole level, # for all levels at the end", "topic")
    spread = levels[-1] == "#"
    named = [r"[^/]*" if level == "+" else re.escape(level) for level in (levels[:-1] if spread else levels)]
    pattern = re.compile("/".join(named) + (r"(/.*)?" if spread and named else r".*" if spread else ""), re.DOTALL)
    wild = levels[0] in {"+", "#"}
    return lambda topic: not (wild and topic.startswith("$")) and pattern.fullmatch(topic) is not None
