"""The autoencoder: one estimator whose parameters choose its parts."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from aebench.errors import ParameterError, memory_told
from aebench.files import atomic, sha256, write_text
from aebench.models import decoders, parameters, words

if TYPE_CHECKING:
    import torch

    from aebench.training.checkpoints import Checkpoint
    from aebench.training.items import Items


class Measurement(NamedTuple):
    """One row of an estimator's `history_`."""

    epoch: float
    split: str
    metric: str
    value: float
    seconds: float


BLOCK = 4096  # items encoded or decoded at a time
OPTIMISABLE = ("linear", "gaussian")  # codes that may take any value


def _plain(value: Any) -> Any:
    """Say numpy's numbers in JSON; a RandomState has no value to keep."""
    return value.item() if isinstance(value, np.generic) else None


class AutoEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """An autoencoder whose parameters choose its parts; they compose.

    Parameters
    ----------
    code_size : int
        Units of the code. More than there are features make an overcomplete code.
    hidden : sequence of int
        Sizes of the encoder's hidden layers; the decoder mirrors them. `(1000, 500, 250)` with
        784 pixels and `code_size=30` is the 784-1000-500-250-30 network of Hinton &
        Salakhutdinov (Science 313:504, 2006). May be empty.
    layers : {"dense", "convolutional", "capsules"}
        `dense`: fully connected. `convolutional`: `hidden` are channels, each layer halves the
        image. `capsules`: `hidden` is the one number of recognition units a capsule has.
    tied : bool
        The decoder's weights are the encoder's, transposed.
    activation : {"sigmoid", "tanh", "relu", "silu", "elu"}
        Of the hidden layers.
    code : str
        Kind of the code's units. Functions of one unit: `linear`, `sigmoid`, `tanh`, `relu`,
        `silu`, `elu`, `shrink` (soft threshold), `saturated-linear`. Or `binary` (noisy logistic
        units, kept as bits), `k-sparse` (the largest stay), `gaussian` (drawn from in training, as
        in a variational autoencoder), `quantised` (entries of codebooks), `pose` (of capsules).
        See `aebench.models.codes`.
    code_noise : float
        Standard deviation of Gaussian noise on the input of `binary` units and of functions of
        one unit in training.
    sparsity : float
        Share of units that is active: the mean activation that the penalty `kl` asks for, and the
        share that `k-sparse` keeps.
    codebook_size : int
        Entries of each codebook of a `quantised` code.
    furthest_shift : int
        In training on capsules the target is the input moved by up to that many pixels each way.
    corruption : {"none", "gaussian", "masking", "dropout", "salt-and-pepper"}
        Of the input in training; the target stays whole. Word counts are corrupted as weighted.
        `dropout` is masking that scales the rest up, so that the mean stays.
    corruption_level : float or pair of float
        Standard deviation of the Gaussian noise, or share of the features that is changed. Of a
        pair each item draws its own between the two.
    penalties : mapping of str to float, optional
        Weights of what is added to the loss, any number of: `l1` of the code, `kl` of its units'
        mean activation, `contractive`, `saturation`, `prior` (of a `gaussian` code), `quantisation`
        (of a `quantised` code), `cycle` (the encoder inverts the decoder
        between items), `l2` of the weights. See `aebench.training.penalties`.
    loss : {"squared_error", "cross_entropy", "multinomial"}
        Summed over features, averaged over items. `cross_entropy` wants data in [0, 1];
        `multinomial` wants word counts and compares a softmax over words with their shares.
    output : {"linear", "sigmoid", "softmax"}, optional
        Nonlinearity of the reconstruction; by default what fits the loss.
    weighting : {"counts", "log", "share"}, optional
        How word counts enter the encoder; None takes the data as it is.
    initialisation : {"kaiming", "normal"}
        See `aebench.models.network.initialise`. RBM pretraining replaces it.
    pretraining : {"none", "rbm", "autoencoder", "denoising"}
        Greedy layer-wise. `rbm`: by CD-1, the recipe of 2006. `autoencoder`: each layer and its
        mirror image by Adam, with its learning rate, schedule and weight decay; the code's layer
        also with the code's noise and the penalties. `denoising`: the same, from masked inputs.
    pretraining_epochs : float
    pretraining_batch_size : int
        For each layer.
    pretraining_learning_rate, pretraining_code_learning_rate : float
        Of RBMs: of the logistic layers and of the linear code layer.
    pretraining_input_learning_rate : float, optional
        Of the first RBM; None takes `pretraining_learning_rate`. Word counts need a smaller one.
    pretraining_corruption_level : float
        Share of a layer's inputs that `denoising` sets to 0.
    optimizer : {"adam", "conjugate_gradients"}
        `conjugate_gradients`: restarted on batches of `batch_size` with `line_searches` each; not
        with the penalty `kl` nor a `quantised` code, whose gradients are not those of the loss.
    epochs : float
        Of fine-tuning. A fraction visits that share of the batches.
    batch_size : int
    learning_rate, schedule, weight_decay
        Of Adam; `schedule` is "cosine" (with warm-up) or "constant".
    line_searches : int
        Of the conjugate gradients, for each batch.
    inference : {"encoder", "optimised"}
        Where `transform` gets codes from: the encoder, or a minimisation of the loss over each
        item's code that starts there; for a `linear` code, and to be chosen before `fit`.
    device : {"auto", "cpu", "cuda"}
    precision : {"highest", "high", "medium"}
        Of matrix products while training, in PyTorch's words: float32; TF32 where the hardware
        has it, as GPUs have; bfloat16 where it has that. Codes and reconstructions are always
        computed in float32.
    random_state : int, RandomState instance or None
    verbose : bool or str
        Print progress to stderr; a string labels the lines.

    Attributes
    ----------
    network_ : aebench.models.network.Network
    history_ : list of Measurement
        The losses while training: epochs done, split, metric, value, seconds since the start.
        Short trainings have several rows an epoch. Of seeds trained in one pass, each has its
        equal share of the seconds.
    parameters_count_ : int
    device_ : str
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> from aebench.models import AutoEncoder
    >>> X = np.random.default_rng(0).random((64, 20), dtype=np.float32)
    >>> AutoEncoder(code_size=2, hidden=(8,), epochs=3, random_state=0).fit_transform(X).shape
    (64, 2)
    """

    def __init__(
        self,
        code_size: int = 30,
        hidden: Sequence[int] = (1000, 500, 250),
        *,
        layers: str = "dense",
        tied: bool = False,
        activation: str = "silu",
        code: str = "linear",
        code_noise: float = 0.0,
        sparsity: float = 0.05,
        codebook_size: int = 256,
        furthest_shift: int = 2,
        corruption: str = "none",
        corruption_level: float | Sequence[float] = 0.25,
        penalties: Mapping[str, float] | None = None,
        loss: str = "squared_error",
        output: str | None = None,
        weighting: str | None = None,
        initialisation: str = "kaiming",
        pretraining: str = "none",
        pretraining_epochs: float = 10,
        pretraining_batch_size: int = 100,
        pretraining_learning_rate: float = 0.1,
        pretraining_code_learning_rate: float = 0.001,
        pretraining_input_learning_rate: float | None = None,
        pretraining_corruption_level: float = 0.25,
        optimizer: str = "adam",
        epochs: float = 20,
        batch_size: int = 250,
        learning_rate: float = 3e-3,
        schedule: str = "cosine",
        weight_decay: float = 0.0,
        line_searches: int = 3,
        inference: str = "encoder",
        device: str = "auto",
        precision: str = "high",
        random_state: Any = None,
        verbose: bool | str = False,
    ) -> None:
        self.code_size = code_size
        self.hidden = hidden
        self.layers = layers
        self.tied = tied
        self.activation = activation
        self.code = code
        self.code_noise = code_noise
        self.sparsity = sparsity
        self.codebook_size = codebook_size
        self.furthest_shift = furthest_shift
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.penalties = penalties
        self.loss = loss
        self.output = output
        self.weighting = weighting
        self.initialisation = initialisation
        self.pretraining = pretraining
        self.pretraining_epochs = pretraining_epochs
        self.pretraining_batch_size = pretraining_batch_size
        self.pretraining_learning_rate = pretraining_learning_rate
        self.pretraining_code_learning_rate = pretraining_code_learning_rate
        self.pretraining_input_learning_rate = pretraining_input_learning_rate
        self.pretraining_corruption_level = pretraining_corruption_level
        self.optimizer = optimizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.line_searches = line_searches
        self.inference = inference
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = self.loss == "multinomial" or self.weighting is not None
        tags.transformer_tags.preserves_dtype = [] if self.code == "binary" else ["float32"]
        return tags

    @property
    def _n_features_out(self) -> int:  # for scikit-learn's get_feature_names_out
        return self.code_size

    # ------------------------------------------------------------------ fit

    def fit(
        self,
        X: Any,
        y: None = None,
        *,
        on_epoch: Callable[["AutoEncoder", int], None] | None = None,
        checkpoint: "str | Path | Checkpoint | None" = None,
    ) -> "AutoEncoder":
        """Train on items X of shape [n_items, n_features].

        Parameters
        ----------
        X : array or sparse matrix, shape [n_items, n_features]
        y : ignored
        on_epoch : callable, optional
            Called with the estimator and the number of fine-tuning epochs done, first with 0
            before fine-tuning; it may transform, and must not change anything.
        checkpoint : path or aebench.training.checkpoints.Checkpoint, optional
            A file that is written every few minutes and after each pretraining layer. If this
            process is killed, the same call goes on from there; on a CPU it ends in the same bits.
            Epochs done before are not told to `on_epoch` again. A file of another training, of
            other data or versions, or a damaged one, is ignored with a line on stderr. What is
            given as a path is removed when the training has ended.

        Raises
        ------
        ParameterError
            For a parameter outside what is allowed.
        TrainingError
            When the loss stops being finite; names epoch, learning rate and seed.
        MemoryFullError
            When the machine or its GPU has no room for it.
        """
        self._fit(X, [self], on_epoch, checkpoint)
        return self

    def fit_seeds(
        self,
        X: Any,
        seeds: Sequence[int],
        *,
        on_epoch: Callable[["AutoEncoder", int], None] | None = None,
        checkpoint: "str | Path | Checkpoint | None" = None,
    ) -> list["AutoEncoder"]:
        """Fit one copy for each seed; equals fitting each alone.

        On a GPU all seeds are trained in one pass, or as many as there is room for; only rounding
        differs. Parameters as of `fit`; with a checkpoint, finished seeds are not fitted again.
        """
        from sklearn.base import clone

        if not len(seeds):
            raise ParameterError("seeds is empty; at least one is needed.")
        copies = [clone(self).set_params(random_state=seed) for seed in seeds]
        self._fit(X, copies, on_epoch, checkpoint)
        return copies

    @memory_told()
    def _fit(
        self,
        X: Any,
        estimators: Sequence["AutoEncoder"],
        on_epoch: Callable[["AutoEncoder", int], None] | None,
        checkpoint: "str | Path | Checkpoint | None",
    ) -> None:
        """Fit estimators of the same parameters as this one."""
        X = self._checked(X, reset=True)
        parameters.check(self)
        self._check_range(X)
        for estimator in estimators:
            for name in ("n_features_in_", "feature_names_in_"):
                if hasattr(self, name):
                    setattr(estimator, name, getattr(self, name))
        from aebench.models.fitting import fit_all
        from aebench.training.checkpoints import Checkpoint, fingerprint, may_overwrite

        if checkpoint and not isinstance(checkpoint, Checkpoint) and not may_overwrite(checkpoint):
            raise ParameterError(f"{checkpoint} exists and is no checkpoint; name another file.")
        kept = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
        data = fingerprint(X) if checkpoint else ""
        fit_all(estimators, *self._resident(X), on_epoch, kept, data)
        if kept is not checkpoint:
            kept.remove()

    def record(self, epoch: float, metric: str, value: float, seconds: float) -> None:
        """Add a row to `history_`."""
        self.history_.append(Measurement(epoch, "train", metric, value, seconds))

    # ------------------------------------------------------------ transform

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes of items X [n_items, n_features], [n_items, code_size].

        They are float32, or uint8 of 0 and 1 where the code is `binary`.
        """
        check_is_fitted(self, "network_")
        X = self._checked(X, reset=False)
        codes = self._blockwise(self.network_.encode, self._weighted(X), self.code_size)
        if self.inference == "optimised":
            if not hasattr(self.network_, "spread"):
                raise ParameterError("inference was not 'optimised' in fit; fit anew.")
            codes = self._optimised(X, codes, self.network_.spread.cpu().numpy())
        return codes.astype(np.uint8) if self.code == "binary" else codes

    @available_if(lambda self: self.code in OPTIMISABLE)
    def optimised_codes(self, X: Any, Z: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Return the codes nearest to Z under which the decoder reconstructs items X better.

        The loss is minimised by gradient, each item for itself, from where it is.

        Parameters
        ----------
        X : array or CSR matrix, shape [n_items, n_features]
        Z : ndarray, shape [n_items, code_size]
            Codes to start from, as `transform` gives them.
        spread : ndarray, shape [code_size]
            Standard deviations of the codes of training items, the scale of the steps.

        Returns
        -------
        ndarray, float32, shape [n_items, code_size]
            An item keeps its code where no better one is found.

        Raises
        ------
        AttributeError
            When the code is neither `linear` nor `gaussian`: the values of others are bounded.
        """
        check_is_fitted(self, "network_")
        return self._optimised(self._checked(X, reset=False), Z, spread)

    def _optimised(self, X: Any, Z: np.ndarray, spread: np.ndarray) -> np.ndarray:
        from aebench.models.inference import optimised

        multinomial = self.loss == "multinomial"
        targets = words.weight(X, "share") if multinomial else self._weighted(X)
        return optimised(self.network_, self.loss, Z, targets, spread)

    def hidden_features(self, X: Any) -> list[np.ndarray]:
        """Return what the encoder's hidden layers say of items X [n_items, n_features].

        Returns
        -------
        list of ndarray, float32, shape [n_items, units of the layer]
            After the activation, from the input to the code; channels of images are laid flat.
        """
        check_is_fitted(self, "network_")
        X = self._weighted(self._checked(X, reset=False))
        blocks = (X[start : start + BLOCK] for start in range(0, X.shape[0], BLOCK))
        layers = [self._hidden(block) for block in blocks]
        return [np.concatenate(parts) for parts in zip(*layers, strict=True)]

    def _hidden(self, block: Any) -> list[np.ndarray]:
        import torch

        from aebench.models.layers import ACTIVATIONS
        from aebench.training.device import denormals_flushed, products_in
        from aebench.training.items import as_tensor

        found = []
        x = as_tensor(block, next(self.network_.parameters()).device)
        with torch.no_grad(), denormals_flushed(), products_in("highest"):
            for part in self.network_.encoder:
                x = part(x)
                if isinstance(part, tuple(ACTIVATIONS.values())):
                    found.append(x.flatten(1).cpu().numpy())
        return found

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return reconstructions of codes Z [n_items, code_size], float32 [n_items, n_features].

        With the multinomial loss these are shares of words: they sum to 1 over a row.
        """
        check_is_fitted(self, "network_")
        Z = np.ascontiguousarray(Z, dtype=np.float32)
        if Z.ndim != 2 or Z.shape[1] != self.code_size:
            raise ParameterError(
                f"codes have shape {list(Z.shape)}; expected [n_items, {self.code_size}]."
            )
        return self._blockwise(self.network_.decode, Z, self.n_features_in_)

    def _blockwise(
        self, function: Callable[["torch.Tensor"], "torch.Tensor"], X: Any, width: int
    ) -> np.ndarray:
        import torch

        from aebench.training.device import denormals_flushed, products_in
        from aebench.training.items import as_tensor

        device = next(self.network_.parameters()).device
        out = np.empty((X.shape[0], width), dtype=np.float32)
        with torch.no_grad(), denormals_flushed(), products_in("highest"):
            for start in range(0, X.shape[0], BLOCK):
                block = as_tensor(X[start : start + BLOCK], device)
                out[start : start + BLOCK] = function(block).cpu().numpy()
        return out

    # ------------------------------------------------------------ save, load

    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors` and `model.json` into a folder; nothing is pickled."""
        from safetensors.torch import save as serialise

        check_is_fitted(self, "network_")
        folder = Path(folder)
        weights = {
            name: tensor.detach().cpu().clone().contiguous()
            for name, tensor in self.network_.state_dict().items()
        }
        with atomic(folder / "model.safetensors") as temporary:
            temporary.write_bytes(serialise(weights))  # an OSError when the disk is full
        facts = {
            "estimator": "AutoEncoder",
            "n_features": self.n_features_in_,
            "parameters": self.get_params(),
            "weights_sha256": sha256(folder / "model.safetensors"),
            **decoders.described(self.network_.dense_decoder()),
        }
        text = json.dumps(facts, indent=1, sort_keys=True, default=_plain)
        write_text(folder / "model.json", text + "\n")

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> "AutoEncoder":
        """Read back what `save` wrote.

        Raises
        ------
        ParameterError
            When the folder holds no saved autoencoder.
        """
        from safetensors.torch import load_file

        from aebench.models.network import Network
        from aebench.training import device as devices

        missing = [
            name
            for name in ("model.json", "model.safetensors")
            if not (Path(folder) / name).exists()
        ]
        if missing:
            raise ParameterError(f"{folder} holds no saved autoencoder: no {missing[0]} in it.")
        facts = json.loads((Path(folder) / "model.json").read_text(encoding="utf-8"))
        if facts["estimator"] != "AutoEncoder":
            raise ParameterError(f"{folder} holds a {facts['estimator']}, not an AutoEncoder.")
        estimator = cls(**facts["parameters"]).set_params(device=device)
        estimator.n_features_in_ = facts["n_features"]
        network: Network = Network.of(estimator)
        network.load_state_dict(load_file(Path(folder) / "model.safetensors"))
        estimator.network_ = network.to(devices.resolve(device))
        estimator.device_ = devices.describe(devices.resolve(device))
        estimator.history_ = []
        estimator.parameters_count_ = sum(p.numel() for p in network.parameters())
        return estimator

    # --------------------------------------------------------------- checks

    def _checked(self, X: Any, reset: bool) -> Any:
        return validate_data(self, X, accept_sparse="csr", dtype=np.float32, reset=reset)

    def _weighted(self, X: Any) -> Any:
        return X if self.weighting is None else words.weight(X, self.weighting)

    def _resident(self, X: Any) -> tuple["Items", "Items"]:
        """Inputs and targets on the device; one and the same object where they are equal."""
        from aebench.training import device as devices
        from aebench.training.items import Items

        device = devices.resolve(self.device)
        inputs = Items(self._weighted(X), device)
        if self.loss != "multinomial":
            return inputs, inputs
        return inputs, Items(words.weight(X, "share"), device)

    def output_of_loss(self) -> str:
        """Nonlinearity of the reconstruction: `output`, or what fits the loss."""
        from aebench.training.losses import OUTPUTS

        return self.output or OUTPUTS[self.loss][0]

    def _check_range(self, X: Any) -> None:
        if self.loss == "multinomial" or self.weighting is not None:
            words.check_counts(X)
        binary = self.pretraining == "rbm" and self.loss != "multinomial"
        if self.loss != "cross_entropy" and not binary:
            return
        weighted = self._weighted(X)
        values = weighted.data if scipy.sparse.issparse(weighted) else weighted
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        if low < 0 or high > 1:
            raise ParameterError(
                f"values lie in [{low:g}, {high:g}]; cross-entropy and binary RBMs need [0, 1]."
            )
