"""The toys stage: small experiments on made-up data, where theory says what must come out.

Real data answer what is better; these answer whether what lectures say of autoencoders is so. Each
takes seconds at any budget and uses the estimators and penalties of this project as they are.

`run` writes `toys.npz`. Arrays begin with the seeds where there are several; `left` is always the
share of the variance of held-out items that their reconstructions leave.

    seeds [seeds]
    denoiser_points [n, 2]        items on a spiral, of the first seed
    denoiser_grid [m, 2]          places around it
    denoiser_field, plain_field [m, 2]    reconstruction minus input there, with and without noise
    denoiser_cosine, plain_cosine [seeds]    mean cosine of that with the way to the spiral
    compression_sizes [k]         code sizes; of 100 inputs
    compression_{random,structured}_{pca,autoencoder} [seeds, k]    left
    compression_floor [k]         left by the best linear code of independent inputs
    bottleneck_linear [seeds]     left of the same independent inputs by a linear code of 50
    linear_epochs [e], linear_angle [seeds, e]    largest principal angle to PCA's subspace, degrees
    linear_axes [seeds]           degrees from PCA's axes to the nearest unit's weights, the largest
    linear_axes_pca [seeds]       the same of PCA fitted to one half of the items
    kl_rho, kl_rho_hat [m]        the asked mean activation, and a unit's
    kl_{value,gradient}_{formula,autograd} [m]
    sparsity_rho [r]              the asked mean activation
    sparsity_kl_weights [w], sparsity_kl [seeds, w, r]    what KL reaches of it, by its weight
    sparsity_l1_weights [w], sparsity_l1 [seeds, w]    mean activation under L1, by its weight
    contractive_{formula,autograd} [seeds]    the penalty, and the Jacobian's squared norm
    contraction_weights [w]
    contraction_{norm,left} [seeds, w]    mean squared norm of the Jacobian by the penalty's weight
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aebench.errors import memory_told
from aebench.files import atomic
from aebench.streams import stream


class Scale(NamedTuple):
    """How much of everything: what the workflow runs, or less in a test."""

    seeds: tuple[int, ...] = (0, 1, 2)
    items: int = 2000
    epochs: float = 1.0
    """Times the epochs each experiment asks for."""


INPUTS = 100
FACTORS = 5
HELD_OUT = 500
SIZES = (2, 5, 10, 25, 50)
BOTTLENECK = SIZES[-1]
NOISE = 0.1
"""Standard deviation of the noise on the spiral, whose outer radius is 1."""
RHO = (0.02, 0.05, 0.1, 0.2)
KL_WEIGHTS = (1.0, 10.0)
L1_WEIGHTS = (0.0, 0.03, 0.1, 0.3)
CONTRACTIVE_WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0)

Arrays = dict[str, np.ndarray]


@memory_told()
def run(out: str | Path, scale: Scale | None = None) -> None:
    """Do every experiment and write the arrays of all in one .npz file."""
    from aebench.training.device import use_threads

    use_threads(1)
    scale = scale or Scale()
    found: Arrays = {"seeds": np.array(scale.seeds)}
    for experiment in EXPERIMENTS:
        found |= experiment(scale)
    with atomic(out) as temporary:
        np.savez(temporary, **found)  # type: ignore[arg-type]


def _fit(X: np.ndarray, seed: int, epochs: float, on_epoch: Any = None, **parameters: Any) -> Any:
    """Return a fitted autoencoder, without hidden layers when none are asked for."""
    from aebench.models import AutoEncoder

    settings = {"hidden": (), "batch_size": 200, "learning_rate": 0.01, "device": "cpu"}
    model = AutoEncoder(**{**settings, **parameters}, epochs=epochs, random_state=seed)
    return model.fit(X, on_epoch=on_epoch)


def _over_seeds(scale: Scale, experiment: Callable[[int], Any]) -> np.ndarray:
    return np.array([experiment(seed) for seed in scale.seeds], dtype=float)


def _left(model: Any, X: np.ndarray) -> float:
    """Share of the variance of held-out items that their reconstructions leave."""
    rest = X - model.inverse_transform(model.transform(X))
    return float((rest**2).sum() / ((X - X.mean(0)) ** 2).sum())


# ------------------------------------------------------------------- denoising


def spiral(turn: np.ndarray) -> np.ndarray:
    """Points [n, 2] of a spiral; `turn` in [0, 1] goes from its inner to its outer end."""
    angle = np.pi + 2 * np.pi * turn
    return np.c_[np.cos(angle), np.sin(angle)] * angle[:, None] / (3 * np.pi)


def denoiser(scale: Scale) -> Arrays:
    """Reconstruction minus input as a vector field (Vincent et al., JMLR 11:3371, 2010, fig. 2)."""
    ticks = np.linspace(-1.2, 1.2, 25)
    grid = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2).astype(np.float32)
    found: Arrays = {"denoiser_grid": grid}
    corruptions = {"denoiser": "gaussian", "plain": "none"}
    for name, corruption in corruptions.items():
        cosines = []
        for seed in scale.seeds:
            random = stream(seed, "spiral")
            points = spiral(random.uniform(size=scale.items)).astype(np.float32)
            model = _fit(
                points,
                seed,
                25 * scale.epochs,
                hidden=(50,),
                code_size=50,
                activation="relu",
                batch_size=100,
                corruption=corruption,
                corruption_level=NOISE,
            )
            cosines.append(_cosine(model, points, random))
            if seed == scale.seeds[0]:
                found["denoiser_points"] = points
                found[f"{name}_field"] = _residual(model, grid)
        found[f"{name}_cosine"] = np.array(cosines)
    return found


def _residual(model: Any, X: np.ndarray) -> np.ndarray:
    """Return reconstruction minus input."""
    return model.inverse_transform(model.transform(X)) - X


def _cosine(model: Any, points: np.ndarray, random: np.random.Generator) -> float:
    """Mean cosine of the field with the way to the spiral, from points that noise moved off it."""
    from scipy.spatial import KDTree

    off = (points + random.normal(0, NOISE, points.shape)).astype(np.float32)
    dense = spiral(np.linspace(0, 1, 5000))
    distance, nearest = KDTree(dense).query(off)
    far = distance > NOISE / 2  # nearer than that the way has no clear direction
    field, way = _residual(model, off[far]), (dense[nearest] - off)[far]
    lengths = np.linalg.norm(field, axis=1) * np.linalg.norm(way, axis=1)
    return float(((field * way).sum(1) / lengths).mean())


# -------------------------------------------------------- what cannot be compressed


def independent(items: int, seed: int) -> np.ndarray:
    """Items of 100 independent normal inputs of variance 1."""
    return stream(seed, "independent inputs").normal(size=(items, INPUTS)).astype(np.float32)


def structured(items: int, seed: int) -> np.ndarray:
    """Items of 100 inputs of variance 1 that depend on 5 factors alone, by a curved map."""
    random = stream(seed, "structured inputs")
    factors = random.uniform(-1, 1, size=(items, FACTORS))
    X = np.sin(factors @ random.normal(size=(FACTORS, INPUTS)) + random.uniform(0, 6, INPUTS))
    return ((X - X.mean(0)) / X.std(0)).astype(np.float32)


DEEP = {"hidden": (150,), "learning_rate": 3e-3}


def compression(scale: Scale) -> Arrays:
    """What codes of several sizes leave of independent inputs, and of inputs with few factors."""
    from sklearn.decomposition import PCA

    found: Arrays = {
        "compression_sizes": np.array(SIZES),
        "compression_floor": 1 - np.array(SIZES) / INPUTS,
    }
    for name, make in (("random", independent), ("structured", structured)):
        pca, autoencoder = [], []
        for seed in scale.seeds:
            train, held_out = np.split(make(scale.items + HELD_OUT, seed), [scale.items])
            pca.append([_left(PCA(min(size, len(train))).fit(train), held_out) for size in SIZES])
            autoencoder.append(
                [
                    _left(_fit(train, seed, 15 * scale.epochs, **DEEP, code_size=size), held_out)
                    for size in SIZES
                ]
            )
        found[f"compression_{name}_pca"] = np.array(pca)
        found[f"compression_{name}_autoencoder"] = np.array(autoencoder)
    return found


def bottleneck(scale: Scale) -> Arrays:
    """What a linear autoencoder with a code of 50 leaves of the same independent inputs."""

    def of_seed(seed: int) -> float:
        train, held_out = np.split(independent(scale.items + HELD_OUT, seed), [scale.items])
        return _left(_fit(train, seed, 30 * scale.epochs, code_size=BOTTLENECK), held_out)

    return {"bottleneck_linear": _over_seeds(scale, of_seed)}


# ------------------------------------------------------------------------- PCA


def ellipsoid(items: int, seed: int) -> np.ndarray:
    """Items of 20 inputs whose spread falls from axis to axis, away from the origin."""
    random = stream(seed, "ellipsoid")
    axes, _ = np.linalg.qr(random.normal(size=(20, 20)))
    spread = np.concatenate([[3, 2, 1.5], np.linspace(0.5, 0.1, 17)])
    return (random.normal(size=(items, 20)) * spread @ axes + 1).astype(np.float32)


# Adam's angle falls too, in ten times the steps.
SEARCHED = {
    "code_size": 3,
    "optimizer": "conjugate_gradients",
    "line_searches": 10,
    "batch_size": 2000,
}


def linear(scale: Scale) -> Arrays:
    """A linear decoder learns PCA's subspace, not its axes (Bourlard & Kamp 1988)."""
    from scipy.linalg import subspace_angles
    from sklearn.decomposition import PCA

    angles, axes, own = [], [], []
    for seed in scale.seeds:
        X = ellipsoid(scale.items, seed)
        components = PCA(3).fit(X).components_
        by_epoch: dict[int, float] = {}

        def follow(
            model: Any, epoch: int, into: dict[int, float] = by_epoch, of: np.ndarray = components
        ) -> None:
            into[epoch] = float(np.degrees(subspace_angles(_decoder(model), of.T).max()))

        model = _fit(X, seed, 25 * scale.epochs, on_epoch=follow, **SEARCHED)
        angles.append(list(by_epoch.values()))
        axes.append(_from_axes(components, _decoder(model)))
        own.append(_from_axes(components, PCA(3).fit(X[: scale.items // 2]).components_.T))
    return {
        "linear_epochs": np.array(list(by_epoch)),
        "linear_angle": np.array(angles),
        "linear_axes": np.array(axes),
        "linear_axes_pca": np.array(own),
    }


def _decoder(model: Any) -> np.ndarray:
    """Weights [n_features, code_size] of a linear decoder."""
    return model.network_.decoder[0].weight.detach().numpy().copy()


def _from_axes(components: np.ndarray, weights: np.ndarray) -> float:
    """Degrees from principal axes to the nearest column of weights; of the furthest axis."""
    cosines = np.abs(components @ (weights / np.linalg.norm(weights, axis=0)))
    return float(np.degrees(np.arccos(np.clip(cosines.max(1).min(), 0, 1))))


# -------------------------------------------------------------------- sparsity


def bars(items: int, seed: int, side: int = 8) -> np.ndarray:
    """Images of bars that come and go one by one (Földiák, Biol. Cybern. 64:165, 1990)."""
    on = stream(seed, "bars").uniform(size=(2, items, side)) < 1 / side
    return (on[0][:, :, None] | on[1][:, None, :]).reshape(items, -1).astype(np.float32)


WIDE = {"code_size": 32, "loss": "cross_entropy", "learning_rate": 0.03}


def kl_formula(scale: Scale) -> Arrays:
    """The KL penalty by its formula and as the network meets it; the scale plays no part."""
    import torch

    from aebench.training import penalties

    rho, rho_hat = 0.1, np.linspace(0.01, 0.99, 99)
    values, gradients = [], []
    for activation in rho_hat:
        unit = torch.full((1, 1), activation, dtype=torch.float64, requires_grad=True)
        kl = penalties.Kl(1, rho).double()
        kl.activation.fill_(activation)  # the running mean, where it has settled
        value = kl(penalties.Trace(None, unit, unit, unit))
        values.append(float(value.detach()))
        gradients.append(float(torch.autograd.grad(value, unit)[0]))
    off = (1 - rho) * np.log((1 - rho) / (1 - rho_hat))
    return {
        "kl_rho": np.array(rho),
        "kl_rho_hat": rho_hat,
        "kl_value_formula": rho * np.log(rho / rho_hat) + off,
        "kl_value_autograd": np.array(values),
        "kl_gradient_formula": -rho / rho_hat + (1 - rho) / (1 - rho_hat),
        "kl_gradient_autograd": np.array(gradients),
    }


def sparsity(scale: Scale) -> Arrays:
    """Mean activation that KL reaches when asked for rho, and L1 by its weight; held-out items."""

    def mean_activation(seed: int, **parameters: Any) -> float:
        train, held_out = np.split(bars(scale.items + HELD_OUT, seed), [scale.items])
        model = _fit(train, seed, 12 * scale.epochs, **WIDE, **parameters)
        return float(model.transform(held_out).mean())

    def kl(seed: int) -> list[list[float]]:
        return [
            [
                mean_activation(seed, code="sigmoid", penalties={"kl": weight}, sparsity=rho)
                for rho in RHO
            ]
            for weight in KL_WEIGHTS
        ]

    def l1(seed: int) -> list[float]:
        return [
            mean_activation(seed, code="relu", penalties={"l1": weight}) for weight in L1_WEIGHTS
        ]

    return {
        "sparsity_rho": np.array(RHO),
        "sparsity_kl_weights": np.array(KL_WEIGHTS),
        "sparsity_kl": _over_seeds(scale, kl),
        "sparsity_l1_weights": np.array(L1_WEIGHTS),
        "sparsity_l1": _over_seeds(scale, l1),
    }


# ----------------------------------------------------------------- contraction


def contraction(scale: Scale) -> Arrays:
    """The contractive penalty is the Jacobian's squared norm; the heavier, the smaller it gets."""
    formula, jacobians, norms, lefts = [], [], [], []
    for seed in scale.seeds:
        train, held_out = np.split(bars(scale.items + HELD_OUT, seed), [scale.items])
        models = [
            _fit(
                train,
                seed,
                15 * scale.epochs,
                **WIDE,
                code="sigmoid",
                penalties={"contractive": weight},
            )
            for weight in CONTRACTIVE_WEIGHTS
        ]
        norms.append([_contractive_formula(model, held_out) for model in models])
        lefts.append([_left(model, held_out) for model in models])
        formula.append(_contractive_formula(models[0], held_out[:100]))
        jacobians.append(_jacobian_norm(models[0], held_out[:100]))
    return {
        "contractive_formula": np.array(formula),
        "contractive_autograd": np.array(jacobians),
        "contraction_weights": np.array(CONTRACTIVE_WEIGHTS),
        "contraction_norm": np.array(norms),
        "contraction_left": np.array(lefts),
    }


def _contractive_formula(model: Any, X: np.ndarray) -> float:
    """sum_j (h_j (1 - h_j))^2 sum_i W_ji^2, the mean over items."""
    weights = model.network_.encoder[0].weight.detach().numpy().astype(float)
    h = model.transform(X).astype(float)
    return float(((h * (1 - h)) ** 2 @ (weights**2).sum(1)).mean())


def _jacobian_norm(model: Any, X: np.ndarray) -> float:
    """Squared Frobenius norm of the encoder's Jacobian by automatic differentiation, the mean."""
    import torch

    network = model.network_.double()
    jacobians = torch.func.vmap(torch.func.jacrev(lambda x: network.encode(x[None])[0]))
    with torch.no_grad():
        norm = jacobians(torch.from_numpy(X).double()).square().sum((1, 2)).mean()
    network.float()
    return float(norm)


EXPERIMENTS: tuple[Callable[[Scale], Arrays], ...] = (
    denoiser,
    compression,
    bottleneck,
    linear,
    kl_formula,
    sparsity,
    contraction,
)
