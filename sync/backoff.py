"""How long to wait before the centre is tried again. Pure: chance is an argument. Called by `sync.session`."""

FIRST_S = 1.0
LONGEST_S = 300.0  # a link that returns is noticed within five minutes


def delay_s(failures: int, chance: float, *, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> float:
    """Seconds to wait after so many failures in a row: doubling up to a limit, then between half of that and all.

    The spread keeps a hundred boxes from returning in the same second when their centre does.

    failures  from 1
    chance    0 <= chance < 1, drawn by the caller
    """
    doublings = min(failures - 1, 62)  # 2.0 ** 1024 overflows, and a box may be away for years
    ceiling = min(longest_s, first_s * 2.0**doublings)
    return ceiling * (1 + chance) / 2
