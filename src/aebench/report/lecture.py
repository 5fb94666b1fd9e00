"""The lecture notes: what is said of autoencoders, beside what was measured here.

Each statement is judged by rules from the numbers its figure shows. A statement about real data
counts every data set that has it; where the variants it needs were not run it is not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aebench.files import write_text
from aebench.report import evidence, names, page, tables
from aebench.report.evidence import COPY, LINEAR, PCA, PENALISED, PLAIN
from aebench.report.lecture_texts import TEXTS, Text
from aebench.report.results import Results

HOLDS = "holds here"
PARTLY = "holds here in part"
FAILS = "does not hold here"
OPEN = "not shown either way here"
UNMEASURED = "not measured at this budget"
SIGNS = {HOLDS: "✓", PARTLY: "◐", FAILS: "✗", OPEN: "≈", UNMEASURED: "○"}

SMALL_ANGLE = 1.0
"""Degrees between subspaces that count as the same."""
TOWARDS = 0.7
"""Mean cosine from which on arrows point somewhere: about half a right angle."""
SAME = 1e-5
"""Relative difference of two computations of the same number."""
CLOSE = 0.25
"""How far a mean activation may be from the asked one, as a share of it."""
CHANCE = 0.01
"""How far held-out items may by chance be easier than theory's mean, as a share of the variance."""
COPIED = 0.1
"""Share of the error on unseen data that is left by what copies its input."""


class Finding(NamedTuple):
    """What was measured of a statement: lines with numbers, a verdict, and why."""

    verdict: str
    why: str
    lines: list[str]


class Statement(NamedTuple):
    """A statement as the notes show it."""

    number: int
    text: Text
    finding: Finding
    picture: Any

    @property
    def sign(self) -> str:
        """Return the verdict as a sign, so that colour is never the only difference."""
        return SIGNS[self.finding.verdict]

    @property
    def anchor(self) -> str:
        """Return the verdict as the name of a class."""
        return self.finding.verdict.replace(" ", "-")


def write(results: Results, out: Path, budget_name: str) -> None:
    """Write lecture.html into the folder `out`, whose figures are already there."""
    found = statements(results, out)
    context = {
        "budget": budget_name,
        "statements": found,
        "tally": tally(found),
        "seeds": len(results.toys.get("seeds", ())),
    }
    write_text(out / "lecture.html", page.templates().get_template("lecture.html").render(context))


def statements(results: Results, out: Path) -> list[Statement]:
    """Every statement, with its finding and its figure."""
    return [
        Statement(
            number,
            text,
            FINDINGS[text.name](results),
            page.embedded(text.figure, "lecture notes", text.figure, out),
        )
        for number, text in enumerate(TEXTS, start=1)
    ]


def tally(found: Sequence[Statement]) -> list[tuple[str, str, int]]:
    """How many statements have each verdict: its sign, itself and the count."""
    verdicts = [statement.finding.verdict for statement in found]
    return [
        (sign, verdict, verdicts.count(verdict))
        for verdict, sign in SIGNS.items()
        if verdict in verdicts
    ]


def _unmeasured(what: str) -> Finding:
    return Finding(UNMEASURED, f"Not measured: {what}.", [])


def _no_toys() -> Finding:
    return _unmeasured("these results have no toys.npz, the experiments on made-up data")


def _judge(parts: Sequence[bool]) -> str:
    """Say how much of a statement holds, of whose parts those given were decided."""
    if not parts:
        return OPEN
    return HOLDS if all(parts) else PARTLY if any(parts) else FAILS


def _decided(cases: Sequence[bool | None]) -> list[bool]:
    """Return what cases say of a part of a statement: none when none of them was decided.

    A part holds when every case shows it; of what some do not show only a part holds.
    """
    if all(case is None for case in cases):
        return []
    return [True] if all(cases) else [True in cases, False]


def _as_claimed(each: evidence.Against, claimed: str) -> bool | None:
    """Whether a comparison came out as claimed; None where no difference was shown."""
    return each.meaning == claimed if each.meaning in (tables.BETTER, tables.WORSE) else None


def _shown(cases: Sequence[bool | None]) -> str:
    """Count the cases that show something, and those that show nothing either way."""
    undecided = sum(case is None for case in cases)
    return f"in {sum(case is True for case in cases)} of {len(cases)} cases" + (
        f" (undecided in {undecided})" if undecided else ""
    )


def _judge_comparisons(found: Sequence[evidence.Against]) -> str:
    """Say in how many comparisons the first is better; no difference shown decides nothing."""
    return _judge(_decided([_as_claimed(each, tables.BETTER) for each in found]))


def _share(measured: evidence.Measured) -> str:
    """Return a share as a percentage, with its interval."""
    return evidence.Measured(*(100 * value for value in measured)).text(0) + " %"


def _count(found: Sequence[evidence.Against]) -> str:
    words = {tables.BETTER: "better", tables.WORSE: "worse", tables.EVEN: "not told apart"}
    counts = {
        word: sum(each.meaning == meaning for each in found) for meaning, word in words.items()
    }
    said = [f"{word} in {count}" for word, count in counts.items() if count]
    if not said:
        return "not tested, with one seed"
    return f"{', '.join(said)} of {len(found)} comparisons"


def _beside(each: evidence.Against, better: str = "lower") -> str:
    words = {tables.BETTER: better, tables.WORSE: "higher", tables.EVEN: "not told apart"}
    told = f": {words[each.meaning]}" if each.meaning else ""
    return (
        f"{names.title(each.dataset)}, code size {each.code_size}: {each.left} "
        f"{each.of_left.text()}, {each.right} {each.of_right.text()}{told}."
    )


# ---------------------------------------------------------------- on real data


def undercomplete(results: Results) -> Finding:
    """Squared error of the plain autoencoder against PCA's, at every code size both have."""
    found = evidence.undercomplete(results)
    if not found:
        return _unmeasured(f"{PLAIN} and {PCA} have no code size in common")
    why = f"The squared error of {PLAIN} is {_lower(found)} PCA's."
    return Finding(_judge_comparisons(found), why, [_beside(each) for each in found])


def _lower(found: Sequence[evidence.Against]) -> str:
    """Count comparisons of errors in words that go before "the other's"."""
    counts = [
        (sum(each.meaning == meaning for each in found), words)
        for meaning, words in (
            (tables.BETTER, "below"),
            (tables.WORSE, "above"),
            (tables.EVEN, "not told apart from"),
            ("", "not tested against"),
        )
    ]
    total = len(found)
    return ", ".join(f"in {count} of {total} cases {words}" for count, words in counts if count)


def overcomplete(results: Results) -> Finding:
    """Whether a code larger than its input copies, and whether it classifies worse."""
    sets = evidence.overcomplete_sets(results)
    if not sets:
        return _unmeasured(f"{COPY} was not run")
    foreign = [
        row
        for dataset in evidence.image_sets(results)
        for row in evidence.unseen(results, dataset)
        if row.variant == COPY
    ]
    accuracies = [_against_penalised(results, *each) for each in sets]
    features = [each for found in accuracies for each in found]
    if not (foreign or features):
        return _unmeasured(f"{COPY} has neither images of another kind nor a penalised variant")
    copies = [row.other.below(evidence.exactly(COPIED)) for row in foreign]
    said = [_copying(copies)] if copies else []
    if features:
        said.append(
            f"In accuracy, beside codes that a penalty held back, it is {_count(features)}."
        )
    parts = _decided(copies) + _decided([_as_claimed(each, tables.WORSE) for each in features])
    lines = [line for found in accuracies for line in _accuracies(found)]
    return Finding(_judge(parts), " ".join(said), _left_of_foreign(foreign) + lines)


def _against_penalised(results: Results, dataset: str, size: int) -> list[evidence.Against]:
    """Compare the accuracy on codes without a penalty with each variant that has one."""
    found = (
        evidence.compare(results, dataset, size, "logistic_accuracy", COPY, variant)
        for variant in PENALISED
    )
    return [each for each in found if each is not None]


def _copying(cases: Sequence[bool | None]) -> str:
    """Say whether images of another kind are copied, of at least one case."""
    if all(case is False for case in cases):
        return "It does not copy images of another kind, which the identity would."
    return f"It is shown to copy images of another kind, as the identity would, {_shown(cases)}."


def _left_of_foreign(found: Sequence[evidence.Unseen]) -> list[str]:
    """Say what is left of test images and of images of another kind."""
    return [
        f"{names.title(row.dataset)}: {row.variant} leaves {_share(row.own)} of the mean image's "
        f"error on test images, and {_share(row.other)} on images of another kind, where a copy "
        "leaves nothing."
        for row in found
    ]


def _accuracies(found: Sequence[evidence.Against]) -> list[str]:
    """Say how well classes are read off the code without a penalty and off the others."""
    if not found:
        return []
    others = ", ".join(f"{each.right} {each.of_right.text(3)}" for each in found)
    return [
        f"{names.title(found[0].dataset)}, accuracy of logistic regression on the code: {COPY} "
        f"{found[0].of_left.text(3)}; with a penalty {others}."
    ]


def pretraining(results: Results) -> Finding:
    """Squared error with pretraining against the same without."""
    found = evidence.pretraining(results)
    if not found:
        return _unmeasured("no variant was run both with and without pretraining")
    why = f"With pretraining the error is {_lower(found)} that of the same variant without."
    return Finding(_judge_comparisons(found), why, [_beside(each) for each in found])


def unseen(results: Results) -> Finding:
    """Error on images of another data set beside that on test images."""
    rows = [row for name in evidence.image_sets(results) for row in evidence.unseen(results, name)]
    judged = [row for row in rows if results.roles[row.variant] == "autoencoder"]
    if not judged:
        return _unmeasured("no model was shown data of another kind")
    cases = [row.own.below(row.other) for row in judged]
    tried = {row.variant for row in judged}
    kept = (PLAIN if PLAIN in tried else judged[0].variant, PCA, COPY)
    lines = [
        f"{names.title(row.dataset)}: {row.variant} leaves {_share(row.own)} of the mean image's "
        f"error on test images and {_share(row.other)} on images of another kind"
        + (
            f"; its error tells the two apart with an AUROC of {row.auroc.text(3)}."
            if row.auroc
            else "."
        )
        for row in rows
        if row.variant in kept
    ]
    why = (
        f"The error on images of another kind is shown to be the larger share {_shown(cases)}, "
        f"of the best autoencoders{f' and of {COPY}' if COPY in tried else ''}. PCA fits its "
        "training data too."
    )
    return Finding(_judge(_decided(cases)), why, lines)


# ---------------------------------------------------------------- on made-up data


def subspace(results: Results) -> Finding:
    """The largest principal angle at the end of training, and that of the axes."""
    toys = results.toys
    if "linear_angle" not in toys:
        return _no_toys()
    angle = evidence.over_seeds(toys["linear_angle"][:, -1])
    axes, own = toys["linear_axes"], toys["linear_axes_pca"]
    apart = bool(axes.min() > own.max())
    lines = [
        f"Made-up items: after {toys['linear_epochs'][-1]:g} epochs the largest principal angle "
        f"between the decoder's space and PCA's is {angle.text()}°.",
        f"The furthest of PCA's axes is {evidence.over_seeds(axes).text(0)}° from the nearest "
        f"unit's weights; PCA on half of the items moves its axes by "
        f"{evidence.over_seeds(own).text(0)}°.",
    ]
    real = [
        found
        for dataset in evidence.image_sets(results)
        if (
            found := evidence.compare(
                results, dataset, results.main_code_size(dataset), "squared_error", LINEAR, PCA
            )
        )
    ]
    lines += [_beside(each) for each in real]
    found_space = angle.most < SMALL_ANGLE
    why = (
        f"The subspace is {'found' if found_space else 'not reached'} on made-up data, in every "
        f"seed the axes are {'others' if apart else 'not shown to be others'}."
    )
    if real:
        why += f" At this budget the error of {LINEAR} on real images is {_lower(real)} PCA's."
    reached = [all(each.meaning != tables.WORSE for each in real)] if real else []
    return Finding(_judge([found_space, apart, *reached]), why, lines)


def sparsity(results: Results) -> Finding:
    """The gradient of KL, and the mean activations that KL and L1 reach."""
    toys = results.toys
    if "sparsity_kl" not in toys:
        return _no_toys()
    gap = float(np.abs(toys["kl_gradient_formula"] - toys["kl_gradient_autograd"]).max())
    asked, weight = toys["sparsity_rho"], toys["sparsity_kl_weights"][-1]
    reached = evidence.by_column(toys["sparsity_kl"][:, -1])
    l1 = evidence.by_column(toys["sparsity_l1"])
    near = [abs(each.mean / rho - 1) <= CLOSE for rho, each in zip(asked, reached, strict=True)]
    falls = bool((np.diff(toys["sparsity_l1"], axis=1) < 0).all())
    lines = [
        f"Gradient of KL: formula and differentiation differ by {gap:.1e} at most.",
        f"KL of weight {weight:g} on made-up images: asked for "
        + ", ".join(
            f"{rho:g} it reaches {each.text(3)}" for rho, each in zip(asked, reached, strict=True)
        )
        + ".",
        f"L1 on made-up images: the mean activation goes from {l1[0].text()} without it to "
        f"{l1[-1].text()} at weight {toys['sparsity_l1_weights'][-1]:g}.",
        *_sparse_variants(results),
    ]
    why = (
        f"KL ends within {CLOSE:.0%} of the asked mean activation in {sum(near)} of {len(near)} "
        f"cases. L1 {'lowers' if falls else 'does not always lower'} it and has no ρ to aim at."
    )
    same = gap <= SAME * float(np.abs(toys["kl_gradient_formula"]).max())
    return Finding(_judge([same, all(near), falls]), why, lines)


def _sparse_variants(results: Results) -> list[str]:
    """What the variant with the KL penalty was asked for and has on real images."""
    found = []
    for dataset, size in evidence.overcomplete_sets(results):
        measured = evidence.case(results, dataset, "sparse-kl", size, "mean_activation")
        runs = results.runs(dataset, "sparse-kl", size)
        asked = runs[0].facts.get("parameters", {}).get("sparsity") if runs else None
        if measured is not None and asked is not None:
            found.append(
                f"{names.title(dataset)}: sparse-kl was asked for {asked:g} and has "
                f"{measured.text(3)} on test images."
            )
    return found


def denoising(results: Results) -> Finding:
    """Mean cosine of the denoiser's field with the way to the manifold."""
    toys = results.toys
    if "denoiser_cosine" not in toys:
        return _no_toys()
    with_noise, without = (
        evidence.over_seeds(toys[f"{name}_cosine"]) for name in ("denoiser", "plain")
    )
    lines = [
        "Mean cosine of reconstruction minus input with the way to the nearest point of the "
        f"spiral, from places that noise reaches: {with_noise.text()}.",
        f"The same network trained without noise: {without.text()}.",
    ]
    points, other = with_noise.least > TOWARDS, without.most < with_noise.least
    why = (
        f"Trained on noisy inputs the field {'points' if points else 'does not clearly point'} to "
        f"the spiral; {'noise makes the difference' if other else 'without noise it is no worse'}."
    )
    return Finding(_judge([points, other]), why, lines)


def contraction(results: Results) -> Finding:
    """The penalty by its formula, and what it does to the Jacobian."""
    toys = results.toys
    if "contractive_formula" not in toys:
        return _no_toys()
    formula, exact = toys["contractive_formula"], toys["contractive_autograd"]
    gap = float(np.abs(formula / exact - 1).max())
    norms, weights = toys["contraction_norm"], toys["contraction_weights"]
    falls = bool((np.diff(norms, axis=1) < 0).all())
    first, last = evidence.over_seeds(norms[:, 0]), evidence.over_seeds(norms[:, -1])
    lines = [
        "Squared norm of the Jacobian of fitted encoders: the formula gives "
        f"{evidence.over_seeds(formula).text()}, differentiation "
        f"{evidence.over_seeds(exact).text()}, apart by {gap:.0e} of it at most.",
        f"Made-up images: it goes from {first.text()} without the penalty to {last.text()} at "
        f"weight {weights[-1]:g}.",
    ]
    cases, said = _contracted(results)
    why = (
        f"The formula {'is' if gap < SAME else 'is not'} the norm; heavier penalties "
        f"{'make' if falls else 'do not always make'} it smaller on made-up images"
    )
    why += f". On real ones it is shown to be smaller {_shown(cases)}." if cases else "."
    return Finding(_judge([gap < SAME, falls, *_decided(cases)]), why, lines + said)


def _contracted(results: Results) -> tuple[list[bool | None], list[str]]:
    """Whether the penalty makes the Jacobian smaller on real images, and how small."""
    cases, lines = [], []
    for dataset, size in evidence.overcomplete_sets(results):
        left, right = (
            evidence.case(results, dataset, variant, size, "jacobian_norm")
            for variant in ("contractive", COPY)
        )
        if left is None or right is None:
            continue
        less = evidence.difference(results, dataset, size, "jacobian_norm", "contractive", COPY)
        cases.append(less.below(evidence.exactly(0)))
        lines.append(
            f"{names.title(dataset)}, norm of the Jacobian: contractive {left.text()}, the same "
            f"without its penalty {right.text()}."
        )
    return cases, lines


def compression(results: Results) -> Finding:
    """What codes leave of independent inputs and of inputs with few factors."""
    toys = results.toys
    if "compression_sizes" not in toys:
        return _no_toys()
    sizes, floor = toys["compression_sizes"], toys["compression_floor"]
    left = {
        (data, kind): evidence.by_column(toys[f"compression_{data}_{kind}"])
        for data in ("random", "structured")
        for kind in ("autoencoder", "pca")
    }
    lines = [
        f"Code size {size:g}: the autoencoder leaves {_share(left['random', 'autoencoder'][k])} of "
        f"independent inputs (PCA {_share(left['random', 'pca'][k])}, at best "
        f"{100 * floor[k]:.0f} %), and {_share(left['structured', 'autoencoder'][k])} of inputs "
        f"with few factors (PCA {_share(left['structured', 'pca'][k])})."
        for k, size in enumerate(sizes)
        if size in (5, sizes[-1])
    ]
    random = [*left["random", "autoencoder"], *left["random", "pca"]]
    above = all(
        each.most >= low - CHANCE for each, low in zip(random, [*floor, *floor], strict=True)
    )
    pairs = list(zip(left["structured", "autoencoder"], left["random", "autoencoder"], strict=True))
    less = all(structured.most < random.least for structured, random in pairs)
    why = (
        f"Of independent inputs {'nothing does' if above else 'something does'} better than a "
        f"share of the inputs kept; of structured ones the same autoencoder leaves "
        f"{'less than of these at every code size' if less else 'not always less than of these'}."
    )
    return Finding(_judge([above, less]), why, lines)


def bottleneck(results: Results) -> Finding:
    """What codes of half the number of independent inputs drop."""
    found = evidence.bottleneck(results)
    if found is None:
        return _no_toys()
    lines = [
        f"{name}: {_share(measured)} of the variance left." for name, measured in found.left.items()
    ]
    drops = all(measured.least > 0 for measured in found.left.values())
    floor = all(measured.most >= found.floor - CHANCE for measured in found.left.values())
    why = (
        f"{'Every code drops something' if drops else 'A code drops nothing'}, and "
        f"{'none is shown below' if floor else 'one is below'} the {100 * found.floor:.0f} % that "
        "the best linear code must leave. This shows what was reached, not that nothing could do "
        "better."
    )
    return Finding(_judge([drops, floor]), why, lines)


FINDINGS: dict[str, Callable[[Results], Finding]] = {
    "undercomplete": undercomplete,
    "subspace": subspace,
    "sparsity": sparsity,
    "denoising": denoising,
    "contraction": contraction,
    "overcomplete": overcomplete,
    "pretraining": pretraining,
    "unseen": unseen,
    "compression": compression,
    "bottleneck": bottleneck,
}
