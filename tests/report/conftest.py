import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from aebench import claims, datasets, statistics
from aebench.metrics.sampling import in_rounds
from aebench.stages import aggregate

SIDE = 8
IMAGE_VARIANTS = ("mean", "pca", "deep", "deep-rbm")
DOCUMENT_VARIANTS = ("mean", "lsa-tfidf", "deep")
ROLES = {
    "mean": "control",
    "pca": "baseline",
    "lsa-tfidf": "baseline",
    "deep": "autoencoder",
    "deep-rbm": "autoencoder",
}
CONFIG = {
    "budget": "smoke",
    "budgets": {"smoke": {"seeds": [0, 1], "images": {"epochs": {"adam": 2}}}},
    "code_sizes": {"images": [5, 2]},
}


def write_results(
    folder,
    images=IMAGE_VARIANTS,
    documents=DOCUMENT_VARIANTS,
    seeds=(0, 1),
    sizes=(2, 5),
    classes=("zero", "one", "two"),
    side=SIDE,
):
    """A results folder as the workflow leaves it, with made-up numbers."""
    rows = []
    for dataset, kind, variants in (
        ("mnist", "images", images),
        ("20newsgroups", "documents", documents),
    ):
        if not variants:
            continue
        prepared = _dataset(dataset, kind, list(classes), side)
        (folder / dataset).mkdir(parents=True)
        datasets.save(prepared, folder / dataset / "data.npz", folder / dataset / "data.json")
        if kind == "images":
            _exhibits(folder / dataset / "exhibits.npz", prepared, variants, sizes[-1])
        for place, variant in enumerate(variants):
            for size in sizes:
                for seed in seeds:
                    run = folder / dataset / variant / f"d{size}" / f"seed-{seed}"
                    _run(run, prepared, variant, size, seed)
                    scores = _scores(kind, variant, place, size, seed)
                    rows += [(dataset, variant, size, seed, "test", *s) for s in scores.items()]
    metrics = pd.DataFrame(rows, columns=statistics.METRIC_COLUMNS)
    for name, table in aggregate.describe(metrics, ROLES).items():
        statistics.write_csv(table, folder / f"{name}.csv")
    statistics.write_csv(claims.judge(metrics, "smoke"), folder / "claims.csv")
    return folder


def _dataset(name, kind, classes, side):
    rng = np.random.default_rng(0)
    features = side * side
    if kind == "images":
        pixels = rng.integers(-128, 256, (30, features)).clip(0)  # a third of them empty paper
        X = pixels.astype(np.float32) / np.float32(255)
    else:
        X = scipy.sparse.csr_matrix(rng.poisson(0.5, (30, features)).astype(np.float32))
    labels = np.arange(30) % len(classes)
    info = {
        "dataset": name,
        "kind": kind,
        "n_features": features,
        "image_shape": [side, side] if kind == "images" else None,
        "classes": classes,
        "vocabulary": None,
        "sha256": {"raw": "0" * 64},
        "sources": {"raw": "made up"},
        "train_items": 30,
        "test_items": 30,
        "notes": ["A made-up data set."],
    }
    return datasets.Dataset(name, kind, X, X, labels, labels, info)


def _run(folder, dataset, variant, size, seed):
    folder.mkdir(parents=True)
    rng = np.random.default_rng([size, seed])
    codes = rng.normal(size=(30, size)).astype(np.float32) * (variant != "mean")
    np.savez(folder / "codes.npz", train=codes, test=codes)
    samples = {}
    if dataset.kind == "images":
        indices = in_rounds(dataset.test_labels, 40)
        samples = {"indices": indices, "reconstructions": dataset.test[indices] * np.float32(0.9)}
    np.savez(folder / "samples.npz", **samples)
    history = []
    if "deep" in variant:
        history = [(e, "train", "loss", 10 / e + seed, 0.1 * e) for e in (1, 2, 3, 4, 5)]
    if variant == "deep-rbm":
        layers = [f"pretraining_{n}_squared_error" for n in (1, 2)]
        history += [(e, "train", layer, 5 / e, 0.1) for layer in layers for e in (1, 2)]
    with open(folder / "history.csv", "w", newline="") as file:
        csv.writer(file).writerows([("epoch", "split", "metric", "value", "seconds"), *history])
    facts = {
        "parameters": {"loss": "cross_entropy"},
        "seed": seed,
        "versions": {"numpy": "2.0", "aebench": "0.1.0"},
        "device": "cpu, 1 thread",
        "seconds": 1.5,
        "peak_memory_mb": 100.0,
        "parameters_count": 1234,
        "estimator": "AutoEncoder",
    }
    (folder / "run.json").write_text(json.dumps(facts))
    speed = {"encode_items_per_second": 4000.0, "decode_items_per_second": 5000.0}
    flops = {} if variant == "mean" else {"encode_flops": 2e6, "decode_flops": 1.5e6}
    (folder / "cost.json").write_text(json.dumps(speed | flops | {"made_by": {"device": "cpu"}}))


def _exhibits(path, dataset, variants, size):
    """What the exhibits stage writes, of the first items as they are; no filters of the mean."""
    items = np.round(dataset.test[:8] * 255).astype(np.uint8)
    inputs = dict.fromkeys(("clean", "noisy", "missing", "halved"), items)
    walks = np.stack([items[:3], items[3:6]])
    arrays = {"indices": np.arange(8), "deviations": np.arange(-1, 2.0), "walks": walks, **inputs}
    for number, variant in enumerate(variants):
        shown = {name: images // (number + 2) for name, images in inputs.items()}
        shown |= {"walks": walks // (number + 2), "code_size": size}
        shown |= {"perturbed": walks // (number + 3), "perturbed_units": np.arange(2)}
        if variant != "mean":
            rng = np.random.default_rng(number)
            shown["filters"] = rng.normal(size=(5, items.shape[1])).astype(np.float16)
        arrays |= {f"{variant}/{name}": array for name, array in shown.items()}
    np.savez(path, **arrays)


def _scores(kind, variant, place, size, seed):
    """Later variants are better, and networks vary with the seed."""
    noise = 0.001 * seed * ("deep" in variant)
    good = 0.1 + 0.1 * place + 0.01 * size + noise
    error = {"squared_error": 20 - place - size - noise}
    if kind == "documents":
        error = {"squared_error": 0.01 - 0.001 * place, "perplexity": 900 - 90 * place - noise}
    precision = {f"precision_at_{k}": good for k in (1, 3, 7, 15)}
    return {
        **error,
        "knn_accuracy": good,
        "logistic_accuracy": good,
        "mean_average_precision": good,
        "knn_accuracy_permuted_labels": 0.33,
        "mean_average_precision_permuted_labels": 0.33,
        **precision,
    }


NETWORK = {"hidden": [32, 16], "loss": "cross_entropy", "epochs": 40, "batch_size": 10}


def add_models(folder, sizes=(2, 5), seeds=(0, 1)):
    """Give `pca` and `deep` real models, and their codes, in a folder of results of images."""
    from aebench import models

    items = datasets.read(folder / "mnist" / "data.npz")
    for variant, estimator, parameters in (
        ("pca", "PCA", {"svd_solver": "covariance_eigh"}),
        ("deep", "AutoEncoder", NETWORK | {"device": "cpu"}),
    ):
        for size in sizes:
            built = models.build(estimator, size, parameters)
            for seed, model in zip(seeds, models.fit_seeds(built, items.train, seeds), strict=True):
                run = folder / "mnist" / variant / f"d{size}" / f"seed-{seed}"
                models.save(model, run, estimator, size, parameters)
                codes = {"train": model.transform(items.train), "test": model.transform(items.test)}
                np.savez(run / "codes.npz", **codes)
    return folder


@pytest.fixture(scope="session")
def rendered(tmp_path_factory) -> tuple[Path, Path]:
    """Results and their report, rendered once for all tests that only read."""
    from aebench.report import render

    folder = tmp_path_factory.mktemp("rendered")
    results = write_results(folder / "results")
    render(results, folder / "report", "smoke", CONFIG, ROLES, {"variants": list(ROLES)})
    return results, folder / "report"
