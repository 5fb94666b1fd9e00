"""How well a code finds items of the same class: every test item queries all other test items.

Codes tie, binary ones in large groups, and the order inside a tie is nobody's merit. Every number
here is the EXPECTED value over a random order inside ties, in closed form, and so does not depend
on the order of the items. `ranking` makes the ranked lists, `ties` has the closed forms.

The work on all pairs is written against the array API standard, so that numpy or torch on a GPU
can do it. Distances are whole numbers and what is summed are whole numbers: any device, block size
and number of threads gives the same bits.
"""

import numpy as np
from array_api_compat import array_namespace, is_numpy_array

from aebench.metrics import ties
from aebench.metrics.arrays import Array, Place, here, in_threads, to_numpy
from aebench.metrics.measured import Measured, class_means, exact_mean, measured
from aebench.metrics.ranking import Items, Lists, Ranker
from aebench.streams import stream

CUTOFFS = (1, 3, 7, 15, 31, 63, 127, 255, 511, 1023)
"""Numbers of retrieved items of Hinton & Salakhutdinov (2006), figure 4."""

FEW_CUTOFFS = (15, 127, 1023)
"""Those at which recall, discounted gain and the bands of precision are given."""

RADII = (0, 1, 2, 3, 4)
"""Of Hamming balls. Semantic hashing looked up balls of up to 4 (Salakhutdinov & Hinton 2009)."""

AVERAGE_PRECISION = "mean_average_precision"


def retrieval_scores(
    codes: np.ndarray,
    labels: np.ndarray,
    queries: int | None = None,
    seed: int = 0,
    place: Place = here,
    database: tuple[np.ndarray, np.ndarray] | None = None,
    threads: int | None = None,
) -> Measured:
    """Measure rankings of the database by distance of codes to each query.

    Parameters
    ----------
    codes : ndarray [n, d]
        Codes of the test items, the queries. float32: ranked by cosine, a zero code has similarity
        0 to everything. uint8 of 0 and 1: ranked by Hamming distance.
    labels : ndarray [n] of int, or [n, n_classes] of 0 and 1
        Class ids: an item is relevant to a query of its own class. Indicators of several topics:
        relevant when the two share at least one topic; for discounted gain the grade of relevance
        is the number of topics they share.
    queries : int, optional
        Use a seeded random sample of this many queries; the database stays whole.
    seed : int
        Of the sample, and of the permutation of the control.
    place : callable
        Moves an array to where the work on all pairs is done; by default it stays numpy's.
    database : pair of ndarray [n_items, d] and [n_items] or [n_items, n_classes], optional
        Codes and labels of the items that are ranked, as a rule those of train. By default the
        test items: each queries all others.
    threads : int, optional
        Of the work in numpy; by default as many as its linear algebra has been granted.

    Returns
    -------
    Measured
        All values are expected values over a random order of tied items (see `ties` for each
        definition), means over queries.

        Over all queries: `precision_at_<k>` for the k of `CUTOFFS` that the database has. Over
        those that have any relevant item, as trec_eval does (NaN when none has):
        `recall_at_<k>` and `ndcg_at_<k>` for the k of `FEW_CUTOFFS`, `ndcg` of the whole list,
        `r_precision` (precision at the number of relevant items),
        `precision_at_recall_<0.0, 0.1 ... 1.0>` (interpolated), `mean_average_precision`.

        Binary codes: `<precision_at_<k> | mean_average_precision>_<worst | best>_order`, the band
        that ties leave open; `hamming_share_at_radius_<r>`, the share of the database that a
        look-up of the ball touches, and `hamming_precision_at_radius_<r>`, the relevant share of
        what it finds, 0 where it finds nothing.

        `mean_average_precision_permuted_labels`, the control: the same with labels permuted among
        the items of the database, which must be at chance.

        Items: `queries`, positions of the queries, and `average_precision` of each. Classes:
        `mean_average_precision` over the queries of each class.
    """
    n, generator = len(codes), stream(seed, "permuted labels")
    chosen = _choose_queries(n, queries, seed)
    if database is None:
        permuted = labels[generator.permutation(n)]
        stored, own = Items(codes, labels, permuted), chosen
        asked = Items(*(part[chosen] for part in stored))
    else:
        stored = Items(*database, database[1][generator.permutation(len(database[1]))])
        asked, own = Items(codes[chosen], labels[chosen], labels[chosen]), None
    ranker = Ranker(asked, stored, own, place)

    def work(block: slice) -> dict[str, np.ndarray]:
        return _joined([_values(lists) for lists in ranker.lists(block)])

    workers = threads if is_numpy_array(place(codes[:0])) else 1
    values = _joined(list(in_threads(work, ranker.blocks(), workers)))
    average = values[AVERAGE_PRECISION]
    defined = ~np.isnan(average)
    n_classes = (
        labels.shape[1] if labels.ndim == 2 else int(max(labels.max(), stored.labels.max())) + 1
    )
    return measured(
        scores={name: exact_mean(value) for name, value in values.items()},
        items={"queries": chosen, "average_precision": average},
        classes={
            AVERAGE_PRECISION: class_means(average[defined], asked.labels[defined], n_classes)
        },
    )


def _values(lists: Lists) -> dict[str, Array]:
    """All measures of each ranked list under their names."""
    n_items = lists.keys.shape[1] - 1
    cutoffs, few = ([k for k in ks if k <= n_items] for ks in (CUTOFFS, FEW_CUTOFFS))
    groups, (hits, grades) = ties.find_groups(lists), lists.relevant()
    relevant = ties.find_relevant(groups, hits)
    found = {k: ties.relevant_found(relevant, k) for k in cutoffs}
    values = {f"precision_at_{k}": found[k].expected / k for k in cutoffs}
    for k in few:
        values[f"recall_at_{k}"] = ties.of_all_relevant(relevant, found[k].expected)
    at_relevant = ties.relevant_found(relevant, relevant.count).expected
    values["r_precision"] = ties.of_all_relevant(relevant, at_relevant)
    layers = [relevant]
    while hits.shape[0]:
        more = grades > len(layers)
        hits, grades = hits[more], grades[more]
        layers.append(ties.find_relevant(groups, hits))
    *at_few, whole = ties.ndcg(layers, [*few, n_items])
    values |= {f"ndcg_at_{k}": value for k, value in zip(few, at_few, strict=True)}
    values["ndcg"] = whole
    for recall, value in zip(ties.RECALLS, ties.interpolated_precision(relevant), strict=True):
        values[f"precision_at_recall_{recall}"] = value
    average = ties.average_precision(relevant)
    values[AVERAGE_PRECISION] = average.expected
    if lists.binary:
        for k in few:
            values[f"precision_at_{k}_worst_order"] = found[k].worst / k
            values[f"precision_at_{k}_best_order"] = found[k].best / k
        values[f"{AVERAGE_PRECISION}_worst_order"] = average.worst
        values[f"{AVERAGE_PRECISION}_best_order"] = average.best
        values |= _hamming_values(lists, relevant)
    permuted = ties.find_relevant(groups, lists.relevant_by_permuted_labels())
    values[f"{AVERAGE_PRECISION}_permuted_labels"] = ties.average_precision(permuted).expected
    return values


def _hamming_values(lists: Lists, relevant: ties.Relevant) -> dict[str, Array]:
    """Share of the database in balls of each radius, and the relevant share of what lies there."""
    xp, n_items = array_namespace(lists.keys), lists.keys.shape[1] - 1
    values = {}
    for radius in RADII:
        within = lists.within(radius)
        found = ties.relevant_found(relevant, within).expected  # a ball never cuts through a tie
        some = xp.astype(xp.where(within > 0, within, 1), xp.float64)
        values[f"hamming_share_at_radius_{radius}"] = xp.astype(within, xp.float64) / n_items
        values[f"hamming_precision_at_radius_{radius}"] = found / some
    return values


def _joined(parts: list[dict[str, Array]]) -> dict[str, np.ndarray]:
    """Bring values of parts of the queries back and together."""
    return {name: np.concatenate([to_numpy(part[name]) for part in parts]) for name in parts[0]}


def _choose_queries(n: int, queries: int | None, seed: int) -> np.ndarray:
    if queries is None or queries >= n:
        return np.arange(n)
    return np.sort(stream(seed, "queries").choice(n, size=queries, replace=False))
