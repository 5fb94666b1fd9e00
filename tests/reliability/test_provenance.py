"""What a result says of how it was made."""

import dataclasses
import json

import pytest
from conftest import small_dataset

from aebench import datasets, environment
from aebench.files import sha256
from aebench.stages import evaluate, train

HASHES = {"train-images": "0" * 64}


@pytest.mark.promise(
    "Reproducibility",
    "Every result says the hashes of its data, its parameters, seed, versions, device, lock and "
    "commit",
)
def test_a_result_says_all_that_made_it(tmp_path, measured):
    dataset = small_dataset("mnist")
    dataset = dataclasses.replace(dataset, info=dataset.info | {"sha256": HASHES})
    data, folder = tmp_path / "data.npz", tmp_path / "mnist/pca/d2/seed-3"
    datasets.save(dataset, data, tmp_path / "data.json")
    train.run(
        data,
        {3: folder},
        estimator="PCA",
        parameters={"images": {"svd_solver": "full"}, "documents": None},
        code_size=2,
        epochs={},
        device="cpu",
        precision="high",
        threads=1,
        label="",
    )
    limits = {"queries": 20}
    evaluate.run(data, [folder], code_size=2, limits=limits, with_models=True)
    training = json.loads((folder / "run.json").read_text())
    evaluation = json.loads((folder / "cost.json").read_text())["made_by"]
    assert training["data_sha256"] == HASHES
    assert training["parameters"] == {"svd_solver": "full", "code_size": 2}
    assert (training["seed"], training["device"]) == (3, "cpu, 1 thread")
    assert (evaluation["limits"], evaluation["database"]) == (limits, "test")
    assert evaluation["device"] == "cpu"
    for facts in (training, evaluation):
        assert facts["versions"].keys() >= {"aebench", "python", "numpy", "scipy", "torch"}
        assert facts["lock"]["sha256"] == sha256(environment.LOCK)
        assert facts["commit"] is None or len(facts["commit"]["sha"]) == 40
    measured("facts said", len(training) + len(evaluation))
