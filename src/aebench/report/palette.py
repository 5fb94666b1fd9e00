"""One colour and one marker for a variant, everywhere.

Both come from a hash of the variant's name and from nothing else: a variant keeps its look in every
figure, report and budget, and a new one has a look without an edit. COLOUR_SALT was searched so
that the variants compared longest get different colours, and those of a family related ones:
networks warm, PCA and LSA cool; MARKER_SALT so that no two variants that come with aebench look the
same. A test holds both.
"""

from __future__ import annotations

import hashlib

COLOUR_SALT, MARKER_SALT = 28167029, 11930

# After Okabe & Ito (2008) and Tol (2021), which stay apart under the common colour blindnesses.
WARM = ("#D55E00", "#7A1640", "#E69F00", "#C65FA0")
COOL = ("#332288", "#0072B2", "#56B4E9", "#009E73")
NEUTRAL = ("#6B4423", "#6E6E6E", "#A8A8A8", "#B5A642")
COLOURS = WARM + COOL + NEUTRAL
MARKERS = ("<", "o", "D", "P", ">", "^", "d", "X", "p", "s", "v", "h")

# For the classes of items. Searched for the largest smallest distance (CIELAB) of any two as seen
# with normal sight, deuteranopia and protanopia (Machado et al. 2009): 23 or more.
CLASSES = (
    "#1f1fd6",
    "#e8c200",
    "#4fae9e",
    "#ea2016",
    "#f2bc85",
    "#66107c",
    "#93baf7",
    "#7a0a0a",
    "#7b4d66",
    "#4f78f0",
)
OTHERS = "#d9d9d9"


def colour(variant: str) -> str:
    """Colour of a variant, `#rrggbb`."""
    return COLOURS[_digest(variant, COLOUR_SALT)[0] % len(COLOURS)]


def marker(variant: str) -> str:
    """Matplotlib marker of a variant."""
    return MARKERS[_digest(variant, MARKER_SALT)[1] % len(MARKERS)]


def _digest(variant: str, salt: int) -> bytes:
    return hashlib.sha256(f"{salt}:{variant}".encode()).digest()
