"""The autoencoder as an estimator: seeds, parameters, files, theory."""

import json
import re
import time
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
import torch
from safetensors.numpy import load_file
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from aebench.errors import AebenchError, ParameterError, TrainingError
from aebench.models import AutoEncoder, build, fit_seeds, fitting, parameters, save
from aebench.models.fitting import fit_together
from aebench.training import items as items_module
from aebench.training import rbm as rbm_module

RBM = {"activation": "sigmoid", "loss": "cross_entropy", "pretraining": "rbm"}
SMALL = {"hidden": (12, 6), "epochs": 2, "batch_size": 30, "device": "cpu"}
KINDS = {
    "deep": {},
    "rbm and adam": {**RBM, "pretraining_epochs": 2},
    "rbm and conjugate gradients": {
        **RBM,
        "pretraining_epochs": 2,
        "optimizer": "conjugate_gradients",
    },
    "documents": {"loss": "multinomial", "weighting": "log"},
    "documents, rbm": {
        "activation": "sigmoid",
        "loss": "multinomial",
        "weighting": "counts",
        "pretraining": "rbm",
        "pretraining_epochs": 2,
        "pretraining_input_learning_rate": 1e-3,
        "optimizer": "conjugate_gradients",
    },
}
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="PyTorch finds a GPU here")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU here")


def pixels(n=90, n_features=20, seed=0):
    random = np.random.default_rng(seed)
    prototypes = random.random((4, n_features))
    noisy = prototypes[np.arange(n) % 4] + random.normal(0, 0.05, (n, n_features))
    return noisy.clip(0, 1).astype(np.float32)


def counts(n=90, n_features=20, seed=0):
    random = np.random.default_rng(seed)
    topics = random.dirichlet(np.full(n_features, 0.2), 4)
    rows = [random.multinomial(k, topics[i % 4]) for i, k in enumerate(random.integers(5, 60, n))]
    rows[7] = np.zeros(n_features)  # a document without a word of the vocabulary
    return np.array(rows, dtype=np.float32)


def data(kind):
    return counts() if kind.startswith("documents") else pixels()


def make(kind="deep", **parameters):
    return AutoEncoder(**{"code_size": 3, **SMALL, **KINDS[kind], **parameters})


def bits(model, X):
    """All that a fit decides, without the times."""
    codes = model.transform(X)
    weights = [tensor.numpy() for tensor in model.network_.state_dict().values()]
    history = np.array([row.value for row in model.history_])
    return [codes, model.inverse_transform(codes), history, *weights]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


# ------------------------------------------------------------------------ seeds


@pytest.mark.parametrize("kind", KINDS)
def test_fitting_a_list_of_seeds_equals_fitting_each_alone(kind):
    X = data(kind)
    together = make(kind).fit_seeds(X, [0, 1])
    for seed, model in zip([0, 1], together, strict=True):
        alone = make(kind, random_state=seed).fit(X)
        assert model.random_state == seed
        assert same(bits(model, X), bits(alone, X))
        assert [row[:3] for row in model.history_] == [row[:3] for row in alone.history_]
        assert model.parameters_count_ == alone.parameters_count_
        assert model.device_ == alone.device_ == "cpu, 1 thread"
    assert not np.array_equal(together[0].transform(X), together[1].transform(X))


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_in_one_pass_equal_each_alone_but_for_rounding(kind):
    """The path of a GPU, on the CPU."""
    X = data(kind)
    alone = make(kind).fit_seeds(X, [0, 1, 2])
    together = [make(kind, random_state=seed) for seed in (0, 1, 2)]
    for model in together:
        model.n_features_in_ = X.shape[1]
    seen = []
    fit_together(
        together, *together[0]._resident(X), lambda model, epoch: seen.append((model, epoch))
    )
    for one, own in zip(alone, together, strict=True):
        np.testing.assert_allclose(own.transform(X), one.transform(X), rtol=1e-3, atol=1e-4)
        points = [[row[:3] for row in model.history_] for model in (one, own)]
        assert points[0] == points[1]
        values = [[row.value for row in model.history_] for model in (one, own)]
        np.testing.assert_allclose(*values, rtol=1e-4)
        assert [epoch for model, epoch in seen if model is own] == [0, 1, 2]


def test_in_one_pass_the_seeds_share_the_seconds():
    together = [make(random_state=seed) for seed in range(4)]
    for model in together:
        model.n_features_in_ = 20
    start = time.perf_counter()
    fit_together(together, *together[0]._resident(pixels()))
    assert sum(model.history_[-1].seconds for model in together) < time.perf_counter() - start


def test_a_seed_without_numbers_in_a_pass_of_several_names_them_all():
    together = [make(learning_rate=1e30, random_state=seed) for seed in (3, 5)]
    for model in together:
        model.n_features_in_ = 20
    with pytest.raises(TrainingError, match=r"\(one of the seeds 3, 5\)$"):
        fit_together(together, *together[0]._resident(pixels()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_decides_every_bit(kind):
    X = data(kind)
    np.random.seed(1)  # noqa: NPY002  # the global state plays no part
    torch.manual_seed(1)
    first = bits(make(kind, random_state=5).fit(X), X)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(2)
    assert same(first, bits(make(kind, random_state=5).fit(X), X))


def test_without_a_seed_every_fit_differs():
    X = pixels()
    first, second = (make(random_state=None).fit(X).transform(X) for _ in range(2))
    assert not np.array_equal(first, second)


def test_a_random_state_object_is_used_and_moves_on():
    X = pixels()
    state = np.random.RandomState(3)
    first, second = (make(random_state=state).fit(X).transform(X) for _ in range(2))
    again = make(random_state=np.random.RandomState(3)).fit(X).transform(X)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_a_fit_leaves_the_users_random_numbers_and_data_alone():
    X = pixels()
    kept = X.copy()
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    make("rbm and adam", random_state=0).fit(X)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    assert np.array_equal(X, kept)


@pytest.mark.parametrize("fit", [lambda e, X: e.fit_seeds(X, []), lambda e, X: fit_seeds(e, X, [])])
def test_empty_seeds_are_refused(fit):
    with pytest.raises(ParameterError, match="seeds is empty; at least one is needed"):
        fit(make(), pixels())


def test_feature_names_reach_every_seed():
    import pandas as pd

    frame = pd.DataFrame(pixels(), columns=[f"p{i}" for i in range(20)])
    for model in make().fit_seeds(frame, [0, 1]):
        assert list(model.feature_names_in_) == list(frame.columns)
        model.transform(frame)  # scikit-learn would warn of names that were not fitted


# ------------------------------------------------------------- what a fit leaves


def test_history_and_sizes():
    model = make("rbm and adam", random_state=0).fit(pixels())
    rows = [(row.metric, row.epoch) for row in model.history_]
    layers = [f"pretraining_{layer}_squared_error" for layer in (1, 2, 3)]
    whole = [(metric, epoch) for metric, epoch in rows if epoch == int(epoch)]
    assert whole == [(metric, epoch) for metric in [*layers, "loss"] for epoch in (1, 2)]
    assert rows == sorted(rows, key=lambda row: (row[0] == "loss", row[0], row[1]))
    assert {row.split for row in model.history_} == {"train"}
    seconds = [row.seconds for row in model.history_]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0
    sizes = [20, 12, 6, 3, 6, 12, 20]
    weights = sum(a * b + b for a, b in pairwise(sizes))
    assert model.parameters_count_ == weights
    assert model.transform(pixels()).shape == (90, 3)
    assert list(model.get_feature_names_out()) == ["autoencoder0", "autoencoder1", "autoencoder2"]


def test_on_epoch_sees_the_network_before_and_after_every_epoch():
    X, seen = pixels(), []
    watching = make("rbm and conjugate gradients", random_state=0)
    watching.fit(X, on_epoch=lambda model, epoch: seen.append((epoch, model.transform(X))))
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    plain = make("rbm and conjugate gradients", random_state=0).fit(X)
    assert np.array_equal(seen[-1][1], plain.transform(X))
    before = make("rbm and conjugate gradients", random_state=0, epochs=0).fit(X)
    assert np.array_equal(seen[0][1], before.transform(X))


@pytest.mark.parametrize(
    ("kind", "visible", "first_rate"),
    [("rbm and adam", "binary", 0.2), ("documents, rbm", "counts", 1e-3)],
)
def test_the_parameters_reach_pretraining(kind, visible, first_rate, monkeypatch):
    called = []
    monkeypatch.setattr(rbm_module, "pretrain", lambda *arguments: called.append(arguments) or [])
    monkeypatch.setattr(fitting, "unroll", lambda networks, rbms: None)
    make(
        kind,
        pretraining_epochs=7,
        pretraining_batch_size=40,
        pretraining_learning_rate=0.2,
        pretraining_code_learning_rate=0.03,
        random_state=0,
    ).fit(data(kind))
    ((_, sizes, recipe, code_rate, found, found_rate, *_),) = called
    assert sizes == [20, 12, 6, 3]
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (7, 40, 0.2)
    assert (code_rate, found, found_rate) == (0.03, visible, first_rate)


def test_the_defaults_of_pretraining_are_those_of_2006():
    """784-1000-500-250-30, batches of 100, learning rates 0.1 and, for the code, 0.001."""
    model = AutoEncoder()
    assert (model.hidden, model.code_size, model.line_searches) == ((1000, 500, 250), 30, 3)
    assert (model.pretraining_batch_size, model.pretraining_learning_rate) == (100, 0.1)
    assert (model.pretraining_code_learning_rate, model.code) == (0.001, "linear")


def test_training_lowers_the_error():
    X = pixels(400)
    control = ((X - X.mean(0)) ** 2).sum(1).mean()
    parameters = {"random_state": 0, "epochs": 40, "pretraining_epochs": 10}
    for kind, batch_size in (
        ("deep", 30),
        ("rbm and adam", 30),
        ("rbm and conjugate gradients", 200),
    ):
        model = make(kind, batch_size=batch_size, **parameters).fit(X)
        error = ((model.inverse_transform(model.transform(X)) - X) ** 2).sum(1).mean()
        assert error < 0.6 * control


def test_no_more_is_printed_than_asked_for(capfd):
    make("rbm and adam", random_state=0).fit(pixels())
    assert capfd.readouterr() == ("", "")


def test_verbose_labels_the_lines_of_progress(capsys, monkeypatch):
    from aebench import console

    clock = iter(range(0, 10_000, 6))
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    make("rbm and adam", random_state=7, verbose="mnist deep d3").fit(pixels())
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("mnist deep d3 seed 7, ") for line in lines)
    assert any("pretraining layer 2 of 3: epoch 1.0 of 2, squared error " in ln for ln in lines)
    assert any("fine-tuning: epoch 1.0 of 2, loss " in line for line in lines)


# ---------------------------------------------------------------- kinds of input


@pytest.mark.parametrize("limit", [2**30, 0], ids=["fits", "too large to be made dense"])
@pytest.mark.parametrize("weighting", [None, "counts", "log", "share"])
def test_sparse_and_dense_input_give_equal_results(weighting, limit, monkeypatch):
    monkeypatch.setitem(items_module.DENSE_LIMIT, "cpu", limit)
    X = counts()
    dense, sparse = (
        make("documents", weighting=weighting, random_state=0).fit(form)
        for form in (X, scipy.sparse.csr_matrix(X))
    )
    assert same(bits(dense, X), bits(sparse, scipy.sparse.csr_matrix(X)))


def test_double_precision_input_is_the_same_data():
    X = pixels()
    single, double = (make(random_state=0).fit(form) for form in (X, X.astype(np.float64)))
    assert same(bits(single, X), bits(double, X.astype(np.float64)))


def test_transform_works_in_blocks(monkeypatch):
    from aebench.models import autoencoder

    X = pixels()
    model = make(random_state=0).fit(X)
    codes = model.transform(X)
    monkeypatch.setattr(autoencoder, "BLOCK", 40)
    np.testing.assert_allclose(model.transform(X), codes, rtol=1e-5, atol=1e-6)
    assert model.transform(X[:1]).shape == (1, 3)


@pytest.mark.parametrize("kind", ["documents", "documents, rbm"])
def test_documents_are_reconstructed_as_shares(kind):
    X = counts()
    model = make(kind, random_state=0).fit(X)
    shares = model.inverse_transform(model.transform(X))
    assert shares.dtype == np.float32
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("output", [None, "sigmoid"])
def test_pixels_of_a_sigmoid_lie_in_0_1(output):
    model = make(output=output, loss="cross_entropy", random_state=0).fit(pixels())
    back = model.inverse_transform(100 * model.transform(pixels()))
    assert back.min() >= 0
    assert back.max() <= 1


# ------------------------------------------------------------------------ theory


def test_a_linear_autoencoder_finds_the_subspace_of_pca():
    """Bourlard & Kamp 1988: the subspace, not its axes; and nothing linear beats PCA."""
    random = np.random.default_rng(0)
    Q, _ = np.linalg.qr(random.normal(size=(10, 10)))
    scales = np.array([4, 3, 2, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    X = (random.normal(size=(400, 10)) * scales @ Q + 1).astype(np.float32)
    pca = PCA(3).fit(X)
    best = ((pca.inverse_transform(pca.transform(X)) - X) ** 2).sum(1).mean()
    for optimiser in (
        {"epochs": 400, "learning_rate": 0.1},
        {"epochs": 30, "line_searches": 10, "optimizer": "conjugate_gradients"},
    ):
        model = AutoEncoder(3, (), batch_size=400, random_state=0, device="cpu", **optimiser).fit(X)
        decoder = model.network_.decoder[0].weight.detach().numpy()
        angles = np.degrees(subspace_angles(decoder, pca.components_.T))
        assert angles.max() < 1
        error = ((model.inverse_transform(model.transform(X)) - X) ** 2).sum(1).mean()
        assert best * (1 - 1e-5) <= error < best * 1.03


def test_before_training_the_output_bias_reconstructs_the_mean():
    X = pixels()
    for loss in ("squared_error", "cross_entropy"):
        model = make(loss=loss, epochs=0, random_state=0).fit(X)
        back = model.inverse_transform(np.zeros((1, 3)))
        with torch.no_grad():
            for layer in model.network_.weighted_layers()[:-1]:
                assert (layer.bias == 0).all()
        np.testing.assert_allclose(back[0], X.mean(0), atol=1e-3)


def test_the_initialisation_of_2006_is_a_tenth_of_a_standard_normal():
    model = AutoEncoder(
        50, (100,), activation="sigmoid", initialisation="normal", epochs=0, random_state=0
    ).fit(np.ones((5, 200)))
    for layer in model.network_.weighted_layers():
        assert float(layer.weight.detach().std()) == pytest.approx(0.1, rel=0.05)
        assert (layer.bias == 0).all()


# ------------------------------------------------------------------- save, load


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_comes_back_bit_for_bit(kind, tmp_path):
    X = data(kind)
    model = make(kind, random_state=0).fit(X)
    model.save(tmp_path / "new")
    back = AutoEncoder.load(tmp_path / "new", device="cpu")
    codes = model.transform(X)
    assert np.array_equal(back.transform(X), codes)
    assert np.array_equal(back.inverse_transform(codes), model.inverse_transform(codes))
    expected = {**model.get_params(), "hidden": list(model.hidden)}
    assert back.get_params() == expected
    assert back.parameters_count_ == model.parameters_count_
    assert back.n_features_in_ == 20


def test_what_is_saved_is_safetensors_and_json_and_no_pickle(tmp_path):
    make(random_state=0).fit(pixels()).save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.json", "model.safetensors"]
    assert len(load_file(tmp_path / "model.safetensors")) == 12
    assert json.loads((tmp_path / "model.json").read_text())["estimator"] == "AutoEncoder"
    content = (tmp_path / "model.safetensors").read_bytes()
    assert not content.startswith((b"\x80", b"PK"))
    assert b"pickle" not in content


@pytest.mark.parametrize("state", [np.random.RandomState(0), np.int64(4), None])
def test_numbers_of_numpy_and_a_random_state_can_be_saved(state, tmp_path):
    model = AutoEncoder(np.int64(3), **{**SMALL, "hidden": [np.int64(5)]}, random_state=state)
    model.fit(pixels()).save(tmp_path)
    back = AutoEncoder.load(tmp_path, device="cpu")
    assert np.array_equal(back.transform(pixels()), model.transform(pixels()))


def test_loading_what_is_no_saved_autoencoder_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"holds no saved autoencoder: no model\.json in it"):
        AutoEncoder.load(tmp_path)
    save(PCA(2).fit(pixels()), tmp_path, "PCA", 2, {})
    with pytest.raises(ParameterError, match="holds a PCA, not an AutoEncoder"):
        AutoEncoder.load(tmp_path)


# ----------------------------------------------------------------------- refusals


def test_nothing_works_before_fit(tmp_path):
    for use in ("transform", "inverse_transform", "save"):
        with pytest.raises(NotFittedError):
            getattr(make(), use)(tmp_path if use == "save" else pixels())


REFUSED = [
    ("code_size", 0, "whole numbers of at least 1"),
    ("code_size", True, "whole numbers of at least 1"),
    ("code_size", 2.0, "whole numbers of at least 1"),
    ("code_size", "2", "whole numbers of at least 1"),
    ("hidden", (5, 0), "whole numbers of at least 1"),
    ("hidden", (2.5,), "whole numbers of at least 1"),
    ("hidden", 5, "whole numbers of at least 1"),
    ("hidden", "big", "whole numbers of at least 1"),
    ("hidden", None, "whole numbers of at least 1"),
    ("activation", "gelu", "'sigmoid', 'tanh', 'relu', 'silu', 'elu'"),
    ("activation", ["relu"], "'sigmoid', 'tanh'"),
    ("code", "binery", "'linear', 'sigmoid'"),
    ("loss", "mse", "'squared_error', 'cross_entropy', 'multinomial'"),
    ("output", "softmax", "None, 'linear', 'sigmoid'"),
    ("weighting", "tfidf", "None, 'counts', 'log', 'share'"),
    ("initialisation", "zeros", "'kaiming', 'normal'"),
    ("pretraining", "autoencoders", "'none', 'rbm', 'autoencoder', 'denoising'"),
    ("optimizer", "sgd", "'adam', 'conjugate_gradients'"),
    ("layers", "recurrent", "'dense', 'convolutional', 'capsules'"),
    ("tied", "yes", "False, True"),
    ("corruption", "blur", "'masking', 'dropout', 'salt-and-pepper'"),
    ("inference", "exact", "'encoder', 'optimised'"),
    ("codebook_size", 0, "whole numbers of at least 1"),
    ("furthest_shift", 0, "whole numbers of at least 1"),
    ("furthest_shift", 1.5, "whole numbers of at least 1"),
    ("code_noise", -1, "numbers of at least 0"),
    ("corruption_level", float("nan"), "numbers of at least 0"),
    ("corruption_level", [0.5, 0.2], "in rising order"),
    ("corruption_level", [0.5], "a pair of such"),
    ("sparsity", 0, "numbers above 0 and below 1"),
    ("sparsity", 1.0, "numbers above 0 and below 1"),
    ("pretraining_corruption_level", 1, "numbers from 0 to below 1"),
    ("penalties", ["l1"], "allowed is a mapping of names to weights"),
    ("schedule", "step", "'cosine', 'constant'"),
    ("device", "tpu", "auto, cpu, cuda"),
    ("precision", "low", "'highest', 'high', 'medium'"),
    ("batch_size", 0, "whole numbers of at least 1"),
    ("batch_size", 2.5, "whole numbers of at least 1"),
    ("pretraining_batch_size", 0, "whole numbers of at least 1"),
    ("line_searches", 0, "whole numbers of at least 1"),
    ("epochs", -1, "numbers of at least 0"),
    ("epochs", float("nan"), "numbers of at least 0"),
    ("epochs", float("inf"), "numbers of at least 0"),
    ("epochs", "3", "numbers of at least 0"),
    ("pretraining_epochs", -0.5, "numbers of at least 0"),
    ("weight_decay", -1e-4, "numbers of at least 0"),
    ("learning_rate", 0, "numbers above 0"),
    ("learning_rate", float("nan"), "numbers above 0"),
    ("learning_rate", "high", "numbers above 0"),
    ("pretraining_learning_rate", -0.1, "numbers above 0"),
    ("pretraining_code_learning_rate", 0.0, "numbers above 0"),
    ("pretraining_input_learning_rate", 0.0, "numbers above 0"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), REFUSED)
def test_a_parameter_outside_what_is_allowed_gets_one_message(name, value, allowed):
    """It names the key, what was found and what is allowed, and nothing is fitted."""
    model = make(**{name: value})
    with pytest.raises(ParameterError) as caught:
        model.fit(pixels())
    message = str(caught.value)
    assert message.startswith(f"{name} is {value!r}; allowed ")
    assert allowed in message
    assert "\n" not in message
    assert not hasattr(model, "network_")


@pytest.mark.parametrize(
    ("penalties", "words"),
    [
        ({"l3": 1.0}, "penalties has 'l3'; allowed are 'l1', 'kl', 'contractive', 'saturation', "),
        ({"l1": -1}, "penalties has the weight -1 for 'l1'; allowed are numbers of at least 0"),
        ({"l1": "big"}, "penalties has the weight 'big' for 'l1'; allowed are numbers"),
        ({"l2": True}, "penalties has the weight True for 'l2'; allowed are numbers"),
        ({"l2": float("inf")}, "penalties has the weight inf for 'l2'; allowed are numbers"),
    ],
)
def test_penalties_outside_what_is_allowed_get_one_message(penalties, words):
    with pytest.raises(ParameterError, match=f"^{re.escape(words)}"):
        make(penalties=penalties).fit(pixels())


@pytest.mark.parametrize(
    ("corruption", "level"),
    [("masking", 1.5), ("salt-and-pepper", [0.5, 2]), ("dropout", 1), ("dropout", [1, 1])],
)
def test_shares_are_at_most_1_and_dropout_leaves_something(corruption, level):
    with pytest.raises(ParameterError, match=re.escape(f"corruption_level is {level!r}; allowed")):
        make(corruption=corruption, corruption_level=level).fit(pixels())


CAPSULES = {"layers": "capsules", "code": "pose", "hidden": (4,)}
POINTWISE = "set code to a function of one unit"
APART = [
    ({**RBM, "tied": True}, "set activation='sigmoid', code='linear' and tied=False"),
    ({"tied": True, "layers": "convolutional"}, "set layers='dense'"),
    ({"pretraining": "autoencoder", "layers": "convolutional"}, "set layers='dense'"),
    ({"tied": True, "code": "gaussian", "penalties": {"prior": 1}}, "set another code"),
    ({"layers": "convolutional", "hidden": ()}, r"set hidden to a list such as \[32, 64\]"),
    ({**CAPSULES, "code": "linear"}, "set layers='capsules', code='pose'"),
    ({**CAPSULES, "layers": "dense"}, "set layers='capsules', code='pose'"),
    ({**CAPSULES, "hidden": (4, 4)}, "one number in hidden"),
    ({**CAPSULES, "code_size": 4}, "a code_size divisible by 3"),
    ({"code": "binary"}, r"set code_noise \(found"),
    ({"code": "k-sparse", "code_noise": 1}, "set code_noise=0"),
    ({"penalties": {"kl": 1}}, "set code='sigmoid'"),
    ({"penalties": {"saturation": 1}}, "set code to one of saturated-linear, shrink, relu"),
    ({"penalties": {"contractive": 1}, "code": "k-sparse"}, POINTWISE),
    ({"penalties": {"contractive": 1}, "code": "binary", "code_noise": 4}, POINTWISE),
    ({"penalties": {"prior": 1}}, "a gaussian code and the penalty 'prior' .*; set both"),
    ({"code": "gaussian"}, "a gaussian code and the penalty 'prior' .*; set both"),
    ({"penalties": {"quantisation": 1}}, "a quantised code and .* 'quantisation' .*; set both"),
    ({"code": "quantised"}, "a quantised code and the penalty 'quantisation' .*; set both"),
    (
        {"code": "sigmoid", "penalties": {"kl": 1}, "optimizer": "conjugate_gradients"},
        "a running mean, .*; set optimizer='adam'",
    ),
    (
        {"code": "quantised", "penalties": {"quantisation": 1}, "optimizer": "conjugate_gradients"},
        "quantised codes .*; set optimizer='adam'",
    ),
    ({"inference": "optimised", "code": "sigmoid"}, "set code='linear'"),
    ({"penalties": {"cycle": 1}, "code": "k-sparse"}, "and weighting=None"),
]


@pytest.mark.parametrize(("parameters", "words"), APART)
def test_parts_that_do_not_fit_together_get_one_message(parameters, words):
    """It says why, what to set and what was found, and nothing is fitted."""
    model = make(**parameters)
    with pytest.raises(ParameterError, match=words) as caught:
        model.fit(pixels())
    message = str(caught.value)
    assert f"code={model.code!r}" in message
    assert f"layers={model.layers!r}" in message
    assert "\n" not in message
    assert not hasattr(model, "network_")


def test_every_rule_of_what_fits_together_is_broken_once():
    model = make()
    rules = [*parameters._needs_of_layers(model), *parameters._needs_of_code(model)]
    refused = []
    for broken, _ in APART:
        with pytest.raises(ParameterError) as caught:
            make(**broken).fit(pixels())
        refused.append(str(caught.value).partition("; set "))
    for _, _, why, instead in rules:
        assert [1 for found in refused if found[0].startswith(why) and instead in found[2]]


@no_gpu
def test_cuda_without_a_gpu_is_refused():
    with pytest.raises(ParameterError, match="device is 'cuda', but PyTorch finds no usable GPU"):
        make(device="cuda").fit(pixels())


@pytest.mark.parametrize(
    ("parameters", "X", "words"),
    [
        (RBM, pixels() * 255, r"values lie in \[0, 255\]; .* need \[0, 1\]"),
        (RBM, -pixels(), r"values lie in \[-1, -?0\]"),
        ({**RBM, "loss": "squared_error"}, pixels() * 2, r"values lie in \[0, 2\]"),
        ({**RBM, "loss": "squared_error", "weighting": "log"}, counts(), r"values lie in \[0, "),
        ({"loss": "cross_entropy"}, pixels() + 1, r"values lie in \[1, 2\]"),
        ({"loss": "multinomial"}, -counts(), "counts cannot be negative"),
        ({"weighting": "log"}, -counts(), "counts cannot be negative"),
        ({"loss": "multinomial"}, scipy.sparse.csr_matrix(-counts()), "counts cannot be negative"),
        ({**RBM, "activation": "relu"}, pixels(), "set activation='sigmoid', code='linear'"),
        ({**RBM, "code": "sigmoid"}, pixels(), "set activation='sigmoid', code='linear'"),
    ],
)
def test_data_and_parameters_that_do_not_fit_each_other(parameters, X, words):
    with pytest.raises(ParameterError, match=words):
        AutoEncoder(3, **{**SMALL, **parameters}).fit(X)


def test_shares_of_counts_lie_in_0_1():
    """What enters the network decides, not the counts it is made from."""
    AutoEncoder(3, **SMALL, loss="cross_entropy", weighting="share").fit(counts())


def test_codes_of_another_width_are_refused():
    model = make(random_state=0).fit(pixels())
    with pytest.raises(ParameterError, match=r"codes have shape \[4, 2\]; expected \[n_items, 3\]"):
        model.inverse_transform(np.zeros((4, 2)))


def test_a_loss_that_is_no_number_names_epoch_learning_rate_and_seed(capfd):
    model = make(learning_rate=1e30, random_state=3, epochs=4)
    with pytest.raises(TrainingError) as caught:
        model.fit(pixels())
    assert str(caught.value).startswith("the loss became ")
    assert "in epoch 1 of 4 at learning rate 1e+30" in str(caught.value)
    assert str(caught.value).endswith("(seed 3)")
    assert isinstance(caught.value, AebenchError)
    assert caught.value.__suppress_context__
    assert capfd.readouterr() == ("", "")


def test_pretraining_that_leaves_the_numbers_names_the_seed():
    model = make("rbm and adam", pretraining_code_learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"RBM pretraining .* 1e\+30.*\(seed 8\)"):
        model.fit_seeds(pixels(), [8])


# ------------------------------------------------------------------- scikit-learn


def test_clone_and_get_params():
    model = make("rbm and conjugate gradients", random_state=3)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert copy is not model
    assert AutoEncoder().get_params().keys() == model.get_params().keys()


def test_build_makes_one():
    built = build("AutoEncoder", 3, {"weighting": "log", "loss": "multinomial"})
    assert isinstance(built, AutoEncoder)
    assert built.get_params()["weighting"] == "log"


# ---------------------------------------------------------------------------- GPU


@gpu
@pytest.mark.parametrize("kind", ["deep", "documents"])
def test_a_gpu_fits_what_the_cpu_fits(kind):
    X = data(kind)
    cpu, cuda = (make(kind, random_state=0, device=d).fit(X) for d in ("cpu", "cuda"))
    assert cuda.device_ == torch.cuda.get_device_name()
    np.testing.assert_allclose(cuda.transform(X), cpu.transform(X), rtol=0.02, atol=0.01)


@gpu
def test_pretraining_on_a_gpu_ends_where_the_cpu_ends():
    """The random numbers differ, so only the errors are alike."""
    X = pixels(400)
    errors = []
    for where in ("cpu", "cuda"):
        model = make("rbm and adam", random_state=0, device=where, pretraining_epochs=10).fit(X)
        errors.append([row.value for row in model.history_ if row.epoch == 10])
    np.testing.assert_allclose(*errors, rtol=0.15)


@gpu
def test_a_model_trained_on_a_gpu_loads_on_the_cpu(tmp_path):
    model = make(random_state=0, device="cuda").fit(pixels())
    model.save(tmp_path)
    back = AutoEncoder.load(tmp_path, device="cpu")
    np.testing.assert_allclose(
        back.transform(pixels()), model.transform(pixels()), rtol=1e-3, atol=1e-4
    )
