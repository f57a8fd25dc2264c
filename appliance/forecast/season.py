"""When in the week: how a cell's events spread over the classes of shifts, pooled with its neighbours and the site.

A cell's shares are its own counts, drawn towards those of its neighbourhood by so many events, and those towards the
site's. Both strengths are learned (`forecast.learn`). Called by `learn` and `predict`.
"""

import numpy as np

from appliance.forecast.grid import Floats


def shares(own: Floats, near: Floats, site: Floats, *, own_strength: float, near_strength: float) -> Floats:
    """The probabilities of the classes for an event of each cell.

    own, near  (6, m)  events of the cell; of it and its neighbours
    site       (6, m) or (6, 1)  of all cells
    returns    (6, m)  columns sum to 1

    The six classes may be any number of others: `mix` pools types of events alike.
    """
    of_site = site_shares(site)
    of_near = (near_strength * of_site + near) / (near_strength + near.sum(axis=0))
    found: Floats = (own_strength * of_near + own) / (own_strength + own.sum(axis=0))
    return found


def site_shares(site: Floats) -> Floats:
    """The site's own, with one event more in each class, so that none is impossible."""
    found: Floats = (site + 1) / (site.sum(axis=0) + len(site))
    return found


def multipliers(own: Floats, near: Floats, *, own_strength: float, near_strength: float) -> Floats:
    """(6, m) how much likelier an event falls into a cell in each class of shifts than over the whole week."""
    site = own.sum(axis=1)[:, None]
    found: Floats = shares(own, near, site, own_strength=own_strength, near_strength=near_strength) / site_shares(site)
    return np.maximum(found, 1e-9)
