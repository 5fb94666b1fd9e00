"""The idx format, and MNIST and Fashion-MNIST as they really are."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aebench import datasets
from aebench.datasets import images
from aebench.errors import AebenchError

sides = st.integers(0, 5)


@given(
    st.tuples(sides, sides, sides).flatmap(lambda shape: arrays(np.uint8, shape))
    | st.tuples(sides).flatmap(lambda shape: arrays(np.uint8, shape))
)
def test_idx_round_trip(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("idx") / "array"
    images.write_idx(array, path)
    read = images.read_idx(path)
    assert read.shape == array.shape
    assert (read == array).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not an idx file: it starts with nothing"),
        (b"\x00\x00", "is not an idx file"),
        (b"<html>", "starts with 3c68746d, allowed are 00000803 .* and 00000801"),
        (b"\x00\x00\x0d\x01" + b"\x00\x00\x00\x01" + b"\x00" * 4, "is not an idx file"),
        (b"\x00\x00\x08\x03" + b"\x00\x00\x00\x01", "ends inside its header of 16 bytes"),
        (b"\x00\x00\x08\x01" + b"\x00\x00\x00\x03" + b"ab", "but 3 were expected and 2 found"),
        (b"\x00\x00\x08\x01" + b"\x00\x00\x00\x03" + b"abcd", "but 3 were expected and 4 found"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "4294967295 x 4294967295 x 4294967295"),
        (b"\x00\x00\x08\x01" + b"\x80\x00\x00\x00", "2147483648 bytes, .* and 0 found"),
    ],
)
@pytest.mark.promise(
    "Untrusted input",
    "A parser that meets sizes, lines or noise that no publisher wrote stops with one message "
    "before they fill the memory",
)
def test_malformed_idx_is_named(tmp_path, content, words, measured):
    path = tmp_path / "bad-idx"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(AebenchError, match=f"bad-idx.*{words}"):
        images.read_idx(path)
    _, memory = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert memory < 2**20
    measured("hostile files", 1)


def test_csv_of_a_package_becomes_the_idx_files(tmp_path):
    table = np.random.default_rng(0).integers(0, 256, (3, 785))
    header = "label," + ",".join(f"{i}x{j}" for i in range(1, 29) for j in range(1, 29))
    rows = "\n".join(",".join(map(str, row)) for row in table)
    (tmp_path / "table.csv").write_text(f"{header}\n{rows}\n")
    images._csv_images(tmp_path / "table.csv", tmp_path / "images")
    images._csv_labels(tmp_path / "table.csv", tmp_path / "labels")
    assert (images.read_idx(tmp_path / "labels") == table[:, 0]).all()
    assert (images.read_idx(tmp_path / "images").reshape(3, 784) == table[:, 1:]).all()


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "h\n" + "x," * 784 + "x\n"])
def test_a_malformed_csv_is_a_failure_of_its_source(tmp_path, content):
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(images.SourceError):
        images._csv_images(tmp_path / "table.csv", tmp_path / "images")


def test_mnist_is_mnist(no_mirror):
    mnist = datasets.prepare("mnist")
    assert mnist.kind == "images"
    assert mnist.train.shape == (60000, 784)
    assert mnist.test.shape == (10000, 784)
    assert mnist.train.dtype == mnist.test.dtype == np.float32
    assert np.bincount(mnist.train_labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(mnist.test_labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert mnist.train.min() == 0
    assert mnist.train.max() == 1
    # The mean and the standard deviation that every tutorial normalises with.
    assert mnist.train.mean(dtype=np.float64) == pytest.approx(0.1306604762738)
    assert mnist.train.std(dtype=np.float64) == pytest.approx(0.3081078038564)
    info = mnist.info
    assert info["sha256"] == images.SHA256["mnist"]
    assert set(info["sources"]) == set(images.SHA256["mnist"])
    assert (info["n_features"], info["image_shape"], info["vocabulary"]) == (784, [28, 28], None)
    assert info["classes"] == list("0123456789")
    assert (info["train_items"], info["test_items"], info["notes"]) == (60000, 10000, [])


def test_fashion_mnist_is_fashion_mnist(no_mirror):
    fashion = datasets.prepare("fashion-mnist")
    assert fashion.train.shape == (60000, 784)
    assert fashion.test.shape == (10000, 784)
    assert np.bincount(fashion.train_labels).tolist() == [6000] * 10
    assert np.bincount(fashion.test_labels).tolist() == [1000] * 10
    assert fashion.train.mean(dtype=np.float64) == pytest.approx(0.2860, abs=1e-4)
    assert fashion.train.std(dtype=np.float64) == pytest.approx(0.3530, abs=1e-4)
    info = fashion.info
    assert info["sha256"] == images.SHA256["fashion-mnist"]
    assert len(info["classes"]) == 10
    # A bag is wider than a trouser is: class names are in the order of the class ids.
    width = {}
    for name in ("trouser", "bag"):
        items = fashion.train[fashion.train_labels == info["classes"].index(name)]
        width[name] = (items.reshape(-1, 28, 28).mean(axis=(0, 1)) > 0.1).sum()
    assert width["bag"] > 1.5 * width["trouser"]


def test_mnist_in_part(no_mirror):
    part = datasets.prepare("mnist", train_items=500, test_items=100, seed=3)
    again = datasets.prepare("mnist", train_items=500, test_items=100, seed=3)
    other = datasets.prepare("mnist", train_items=500, test_items=100, seed=4)
    assert part.train.shape == (500, 784)
    assert part.test_labels.shape == (100,)
    assert (part.train == again.train).all()
    assert (part.train_labels == again.train_labels).all()
    assert (part.train_labels != other.train_labels).any()
    assert part.info["notes"] == [
        "A random 500 of the 60,000 training images, seed 3.",
        "A random 100 of the 10,000 test images, seed 3.",
    ]
