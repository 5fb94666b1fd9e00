import numpy as np
import pytest

from aebench import datasets, models
from aebench.errors import AebenchError
from aebench.stages import exhibits

SIDE = 6
FITTED = {
    "pca": ("PCA", 3, {}),
    "deep": ("AutoEncoder", 3, {"hidden": [12]}),
    "wide": ("AutoEncoder", 40, {"hidden": []}),
    "bits": ("AutoEncoder", 3, {"code": "binary", "code_noise": 1.0}),
    "quantised": ("AutoEncoder", 3, {"code": "quantised", "penalties": {"quantisation": 1.0}}),
    "convolutional": ("AutoEncoder", 3, {"layers": "convolutional", "hidden": [4]}),
}
CORRUPTED = ("clean", "noisy", "missing", "halved")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A prepared data set, and a folder with a saved model of every kind."""
    folder = tmp_path_factory.mktemp("exhibits")
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (60, SIDE**2)).astype(np.float32) / np.float32(255)
    facts = {"dataset": "tiny", "kind": "images", "n_features": SIDE**2}
    facts |= {"image_shape": [SIDE, SIDE], "train_items": 60, "test_items": 50}
    labels = np.arange(60) % 10
    dataset = datasets.Dataset("tiny", "images", X, X[:50], labels, labels[:50], facts)
    datasets.save(dataset, folder / "data.npz", folder / "data.json")
    folders = {}
    for variant, (estimator, size, parameters) in FITTED.items():
        if estimator == "AutoEncoder":
            parameters = parameters | {"epochs": 1, "device": "cpu"}
        (model,) = models.fit_seeds(models.build(estimator, size, parameters), X, [0])
        folders[variant] = folder / variant / f"d{size}" / "seed-0"
        folders[variant].mkdir(parents=True)
        models.save(model, folders[variant], estimator, size, parameters)
        np.savez(folders[variant] / "codes.npz", train=model.transform(X))
    return folder / "data.npz", folders, dataset


@pytest.fixture(scope="module")
def made(prepared):
    data, folders, _ = prepared
    out = data.with_name("exhibits.npz")
    exhibits.run(data, list(folders.values()), out, main_code_size=3)
    with np.load(out) as arrays:
        return dict(arrays)


def test_items_are_of_different_classes_and_what_is_left_of_them(made, prepared):
    dataset = prepared[2]
    clean = dataset.test[made["indices"]]
    assert sorted(dataset.test_labels[made["indices"]]) == list(range(8))
    np.testing.assert_array_equal(made["clean"], np.round(clean * 255))
    noise = made["noisy"] / 255 - clean
    inside = (made["noisy"] > 0) & (made["noisy"] < 255)
    assert 0.1 < noise[inside].std() < 0.3  # of 0.3, before clipping
    assert 0.3 < (made["missing"][made["clean"] > 0] == 0).mean() < 0.7
    halves = made["halved"].reshape(8, 2, -1)
    np.testing.assert_array_equal(halves[:, 0], made["clean"].reshape(8, 2, -1)[:, 0])
    assert not halves[:, 1].any()


def test_every_model_reconstructs_every_input(made, prepared):
    _, folders, dataset = prepared
    for variant, folder in folders.items():
        model = models.load(folder)
        expected = model.inverse_transform(model.transform(dataset.test[made["indices"]]))
        found = made[f"{variant}/clean"]
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, np.round(np.clip(expected, 0, 1) * 255))
        assert made[f"{variant}/code_size"] == FITTED[variant][1]
        different = [made[f"{variant}/{name}"] for name in CORRUPTED]
        assert all(images.shape == (8, SIDE**2) for images in different)
    assert (made["pca/noisy"] != made["pca/clean"]).any()


def test_walks_are_straight_between_two_reconstructions(made, prepared):
    for name, ends in (("walks", "clean"), ("pca/walks", "pca/clean")):
        walks = made[name]
        assert walks.shape == (2, 9, SIDE**2)
        for walk, (start, end) in zip(walks, exhibits.WALKS, strict=True):
            assert np.abs(walk[0] - made[ends][start].astype(int)).max() <= 1
            assert np.abs(walk[-1] - made[ends][end].astype(int)).max() <= 1
    middle = made["walks"][0, 4].astype(float)
    np.testing.assert_allclose(middle, made["walks"][0, [0, -1]].mean(axis=0), atol=1)


def test_moved_units_are_those_that_move_the_picture_most(made, prepared):
    _, folders, dataset = prepared
    model = models.load(folders["pca"])
    spread = model.transform(dataset.train).std(axis=0)
    assert list(made["pca/perturbed_units"]) == list(np.argsort(-spread))
    moved = made["pca/perturbed"]
    assert moved.shape == (3, 7, SIDE**2)
    code = model.transform(dataset.test[made["indices"][:1]])
    code[0, made["pca/perturbed_units"][1]] -= 2 * spread[made["pca/perturbed_units"][1]]
    expected = np.round(np.clip(model.inverse_transform(code)[0], 0, 1) * 255)
    assert np.abs(moved[1, 1] - expected).max() <= 1
    for unit in range(3):
        np.testing.assert_allclose(moved[unit, 3].astype(int), made["pca/clean"][0], atol=1)


def test_only_continuous_codes_of_the_main_size_are_moved(made):
    with_walks = {key.split("/")[0] for key in made if key.endswith("/walks")}
    assert with_walks == {"pca", "deep", "convolutional"}
    assert {key.split("/")[0] for key in made if key.endswith("/perturbed")} == with_walks


def test_filters_are_shown_where_there_are_any(made):
    with_filters = {key.split("/")[0] for key in made if key.endswith("/filters")}
    assert with_filters == set(FITTED) - {"convolutional"}
    assert made["wide/filters"].shape == (36, SIDE**2)
    assert made["wide/filters"].dtype == np.float16
    assert made["deep/filter_units"].shape == (12,)


def test_equal_bytes_and_nothing_without_models(made, prepared, tmp_path):
    data, folders, _ = prepared
    exhibits.run(data, list(folders.values()), tmp_path / "again.npz", main_code_size=3)
    again = (tmp_path / "again.npz").read_bytes()
    assert again == data.with_name("exhibits.npz").read_bytes()
    exhibits.run(data, [], tmp_path / "none.npz", main_code_size=3)
    with np.load(tmp_path / "none.npz") as arrays:
        assert not [key for key in arrays if "/" in key]


def test_a_model_or_codes_that_cannot_be_read_are_one_message(prepared, tmp_path):
    data, _, dataset = prepared
    folder = tmp_path / "tiny" / "pca" / "d3" / "seed-0"
    folder.mkdir(parents=True)
    call = {"data": data, "folders": [folder], "out": tmp_path / "out.npz", "main_code_size": 3}
    with pytest.raises(AebenchError, match=r"variant 'pca' on tiny.*no model\.json"):
        exhibits.run(**call)
    models.save(models.build("PCA", 3, {}).fit(dataset.train), folder, "PCA", 3, {})
    (folder / "codes.npz").write_bytes(b"not an archive")
    with pytest.raises(AebenchError, match=r"variant 'pca' on tiny.*codes\.npz cannot be read"):
        exhibits.run(**call)
    assert not (tmp_path / "out.npz").exists()
