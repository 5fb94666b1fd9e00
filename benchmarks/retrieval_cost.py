"""What all retrieval measures of one run cost: seconds and memory at the sizes that matter.

    python benchmarks/retrieval_cost.py mnist --threads 2
    AEBENCH_MIRROR=<folder> python benchmarks/retrieval_cost.py rcv1 --queries 2000

MNIST: every test item queries the others, by 30 floats and by 128 bits, and the 60,000 of train.

RCV1: the folder has its token files and topics, or a part of them. Codes are those of LSA. Where a
part has fewer stories than are asked for, stories are drawn again and again, each code moved by a
thousandth of its length so that copies do not tie: that measures what the size costs, and nothing
that its scores could say.
"""

import argparse
import resource
import time
from collections.abc import Iterator

import numpy as np
from works import variants

from aebench import datasets, models
from aebench.metrics.retrieval import retrieval_scores

BITS = 128
TEST_STORIES = 402_207  # half of the 804,414 of RCV1

Work = tuple[str, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]
"""Name, codes and labels of the queries, codes and labels of a database of its own."""


def mnist() -> Iterator[Work]:
    """Yield test against test by floats and by bits, and against train."""
    data = datasets.prepare("mnist")
    pca = models.build("PCA", 30, variants.parameters("pca", "images")).fit(data.train)
    train, test = (pca.transform(part).astype(np.float32) for part in (data.train, data.test))
    planes = np.random.default_rng(0).standard_normal((30, BITS))
    yield "30 floats", test, data.test_labels, None
    yield f"{BITS} bits", (test @ planes > 0).astype(np.uint8), data.test_labels, None
    yield "30 floats", test, data.test_labels, (train, data.train_labels)


def rcv1() -> Iterator[Work]:
    """Yield test stories against test stories, more and more of them."""
    data = datasets.prepare("rcv1")
    parameters = variants.parameters("lsa-tfidf", "documents")
    lsa = models.build("TruncatedSVD", 10, parameters).fit(data.train)
    codes, labels = lsa.transform(data.test).astype(np.float32), data.test_labels
    random, n = np.random.default_rng(0), len(codes)
    for items in (n // 4, n // 2, n, 4 * n, TEST_STORIES):
        drawn = np.arange(items) if items <= n else random.integers(0, n, items)
        Z = codes[drawn]
        if items > n:
            length = np.linalg.norm(Z, axis=1, keepdims=True)
            Z = Z + 1e-3 * length * random.standard_normal(Z.shape, dtype=np.float32)
        yield "10 floats", Z, labels[drawn], None


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", choices=["mnist", "rcv1"])
    parser.add_argument("--queries", type=int, help="by default all test items")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    print("| codes | queries | against | seconds | CPU seconds | peak memory, GB |")
    print("|---|---|---|---|---|---|")
    for name, codes, labels, database in {"mnist": mnist, "rcv1": rcv1}[arguments.dataset]():
        start = time.perf_counter(), time.process_time()
        retrieval_scores(
            codes, labels, arguments.queries, database=database, threads=arguments.threads
        )
        seconds, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        asked = min(arguments.queries or len(codes), len(codes))
        against = len(database[0]) if database else len(codes) - 1
        cells = (name, f"{asked:,}", f"{against:,}", f"{seconds:.1f}", f"{cpu:.1f}", f"{peak:.2f}")
        print("|", *(f"{cell} |" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
