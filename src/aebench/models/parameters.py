"""Which parameters an AutoEncoder may have: what is allowed, and what fits together."""

import sys
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from aebench.errors import ParameterError
from aebench.models import words

if TYPE_CHECKING:
    from aebench.models.autoencoder import AutoEncoder

PRETRAINING = ("none", "rbm", "autoencoder", "denoising")
OPTIMIZERS = ("adam", "conjugate_gradients")
SCHEDULES = ("cosine", "constant")
INFERENCES = ("encoder", "optimised")
RATES = (
    "learning_rate",
    "pretraining_learning_rate",
    "pretraining_code_learning_rate",
    "pretraining_input_learning_rate",
)
NUMBERS: tuple[tuple[tuple[str, ...], type, Callable[[Any], bool], str], ...] = (
    (
        (
            *("batch_size", "pretraining_batch_size", "line_searches"),
            *("code_size", "codebook_size", "furthest_shift"),
        ),
        Integral,
        lambda value: value >= 1,
        "whole numbers of at least 1",
    ),
    (
        ("epochs", "pretraining_epochs", "weight_decay", "code_noise"),
        Real,
        lambda value: 0 <= value < float("inf"),
        "numbers of at least 0",
    ),
    (("sparsity",), Real, lambda value: 0 < value < 1, "numbers above 0 and below 1"),
    (
        ("pretraining_corruption_level",),
        Real,
        lambda value: 0 <= value < 1,
        "numbers from 0 to below 1",
    ),
    (RATES, Real, lambda value: 0 < value < float("inf"), "numbers above 0"),
)
"""Names of parameters, their type, whether a value is allowed, and what is, in words."""


def check(estimator: "AutoEncoder") -> None:
    """Refuse parameters outside what is allowed, and parts that do not fit together.

    Raises
    ------
    ParameterError
        Names the parameter, what was found and what is allowed.
    """
    for name, allowed in _choices(estimator).items():
        if getattr(estimator, name) not in allowed:
            shown = ", ".join(map(repr, allowed))
            raise ParameterError(f"{name} is {getattr(estimator, name)!r}; allowed are {shown}.")
    hidden = estimator.hidden
    sizes = hidden if isinstance(hidden, Sequence | np.ndarray) else [None]
    if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        raise ParameterError(
            f"hidden is {hidden!r}; allowed is a list of whole numbers of at least 1."
        )
    for names, kind, allows, shown in NUMBERS:
        for name in names:
            value = getattr(estimator, name)
            if value is None and name == "pretraining_input_learning_rate":
                continue
            if not isinstance(value, kind) or isinstance(value, bool) or not allows(value):
                raise ParameterError(f"{name} is {value!r}; allowed are {shown}.")
    _check_corruption_level(estimator)
    _check_penalties(estimator)
    _check_together(estimator)


def _check_corruption_level(estimator: "AutoEncoder") -> None:
    level, kind = estimator.corruption_level, estimator.corruption
    pair = level if isinstance(level, list | tuple) else (level, level)
    numbers = all(isinstance(end, Real) and not isinstance(end, bool) for end in pair)
    most = sys.float_info.max if kind in ("none", "gaussian") else 1.0
    fits = numbers and len(pair) == 2 and 0 <= pair[0] <= pair[1] <= most
    if fits and (kind != "dropout" or pair[0] < 1):  # which divides by the share that stays
        return
    raise ParameterError(
        f"corruption_level is {level!r}; allowed are numbers of at least 0 (shares of features up "
        "to 1, of dropout below 1) or a pair of such in rising order; corruption is "
        f"{kind!r}."
    )


def _choices(estimator: "AutoEncoder") -> dict[str, tuple[Any, ...]]:
    from aebench.models.codes import KINDS
    from aebench.models.layers import ACTIVATIONS, LAYERS
    from aebench.models.network import INITIALISATIONS
    from aebench.training.device import PRECISIONS
    from aebench.training.losses import OUTPUTS
    from aebench.training.perturbation import CORRUPTIONS

    return {
        "layers": tuple(LAYERS),
        "tied": (False, True),
        "activation": tuple(ACTIVATIONS),
        "code": KINDS,
        "corruption": CORRUPTIONS,
        "loss": tuple(OUTPUTS),
        "initialisation": INITIALISATIONS,
        "pretraining": PRETRAINING,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "inference": INFERENCES,
        "precision": PRECISIONS,
        "weighting": (None, *words.STATELESS),
        "output": (None, *OUTPUTS.get(estimator.loss, ())),
    }


def _check_penalties(estimator: "AutoEncoder") -> None:
    from aebench.training.penalties import PENALTIES

    given = {} if estimator.penalties is None else estimator.penalties
    if not isinstance(given, Mapping):
        raise ParameterError(f"penalties is {given!r}; allowed is a mapping of names to weights.")
    for name, weight in given.items():
        if name not in PENALTIES:
            raise ParameterError(
                f"penalties has {name!r}; allowed are {', '.join(map(repr, PENALTIES))}."
            )
        if not isinstance(weight, Real) or isinstance(weight, bool) or not 0 <= weight < np.inf:
            raise ParameterError(
                f"penalties has the weight {weight!r} for {name!r}; allowed are numbers of at "
                "least 0."
            )


Need = tuple[bool, bool, str, str]
"""Whether something is asked for, whether the rest fits, why it must, and what to set."""


def _check_together(estimator: "AutoEncoder") -> None:
    """Refuse parts that do not fit together."""
    for asked, fits, why, instead in (*_needs_of_layers(estimator), *_needs_of_code(estimator)):
        if asked and not fits:
            names = ("layers", "hidden", "activation", "code", "code_size", "tied", "penalties")
            found = ", ".join(f"{name}={getattr(estimator, name)!r}" for name in names)
            raise ParameterError(f"{why}; set {instead} (found {found}).")


def _needs_of_layers(e: "AutoEncoder") -> tuple[Need, ...]:
    from aebench.models.codes import POSE

    greedy, capsules = e.pretraining != "none", e.layers == "capsules"
    logistic = (e.activation, e.code) == ("sigmoid", "linear")
    triples = len(e.hidden) == 1 and e.code_size % POSE == 0
    return (
        (
            e.pretraining == "rbm",
            logistic and not e.tied,
            "pretraining 'rbm' trains logistic hidden units and a linear code, and unties weights",
            "activation='sigmoid', code='linear' and tied=False",
        ),
        (
            greedy or e.tied,
            e.layers == "dense",
            "pretraining and tied weights are for fully connected layers",
            "layers='dense'",
        ),
        (
            e.tied,
            e.code not in ("gaussian", "pose"),
            "tied weights need a code of as many numbers as the encoder gives",
            "another code",
        ),
        (
            e.layers == "convolutional",
            len(e.hidden) > 0,
            "convolutional layers need channels",
            "hidden to a list such as [32, 64]",
        ),
        (
            capsules or e.code == "pose",
            capsules and e.code == "pose" and triples,
            "capsules have one number of recognition units and three numbers of the code each",
            "layers='capsules', code='pose', one number in hidden, a code_size divisible by 3",
        ),
    )


def _needs_of_code(e: "AutoEncoder") -> tuple[Need, ...]:
    from aebench.models.codes import POINTWISE
    from aebench.training.penalties import FLAT

    penalised = set(e.penalties or ())
    pointwise = e.code in POINTWISE
    return (
        (e.code == "binary", e.code_noise > 0, "noise is what makes binary units so", "code_noise"),
        (
            e.code_noise > 0,
            pointwise or e.code == "binary",
            "code_noise is for binary units and functions of one unit",
            "code_noise=0",
        ),
        (
            "kl" in penalised,
            e.code in ("sigmoid", "binary"),
            "the penalty 'kl' compares activations between 0 and 1",
            "code='sigmoid'",
        ),
        (
            "saturation" in penalised,
            e.code in FLAT,
            "the penalty 'saturation' is for units with flat parts",
            f"code to one of {', '.join(FLAT)}",
        ),
        (
            "contractive" in penalised,
            pointwise,
            "the penalty 'contractive' differentiates the encoder",
            "code to a function of one unit",
        ),
        (
            "prior" in penalised or e.code == "gaussian",
            "prior" in penalised and e.code == "gaussian",
            "a gaussian code and the penalty 'prior' belong together",
            "both or neither",
        ),
        (
            "quantisation" in penalised or e.code == "quantised",
            "quantisation" in penalised and e.code == "quantised",
            "a quantised code and the penalty 'quantisation' belong together",
            "both or neither",
        ),
        (
            "cycle" in penalised,
            pointwise and e.weighting is None,
            "the penalty 'cycle' encodes what was decoded, from codes of units that can be mixed",
            "code to a function of one unit and weighting=None",
        ),
        (
            e.optimizer == "conjugate_gradients",
            not penalised & {"kl", "cycle"} and e.code != "quantised",
            "conjugate gradients search along gradients that are those of the loss, which those of "
            "a running mean, of a cycle and of quantised codes are not",
            "optimizer='adam'",
        ),
        (
            e.inference == "optimised",
            e.code == "linear",
            "codes are optimised over all real numbers",
            "code='linear'",
        ),
    )
