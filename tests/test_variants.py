"""What every file in workflow/variants must keep: a variant of one's own is tested by being there.

The parameters come from Snakemake itself; the small data sets are fitted by the train stage, so
that what is checked is what a run would have written.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import ROOT, VARIANTS, Workflow, small_dataset

from aebench import claims, datasets, models
from aebench.metrics.contract import read_run
from aebench.report import decoder
from aebench.stages import plan, train

NAMES = [file.stem for file in sorted(VARIANTS.glob("*.smk"))]
DATASETS = {"images": "mnist", "documents": "reuters-r52"}
CODE_SIZE = 3
SEEDS = (0, 5)
EPOCHS = {"pretraining": 1, "adam": 1, "conjugate_gradients": 1}
TRAINED = ("history.csv", "model.safetensors", "model.json", "run.json")

# At the end of the Snakefile: say what the rules of the variants are.
DUMP = """
import json

rules_of_variants = {}
for file in VARIANT_FILES:
    found = rule_of(file.stem)
    keys = ("estimator", "role", "images", "documents")
    rules_of_variants[file.stem] = {
        "rule": found.name, **{key: found.params.get(key) for key in keys}
    }
Path("rules.json").write_text(json.dumps(rules_of_variants))
"""


@pytest.fixture(scope="module")
def rules(make_workflow: Callable[..., Workflow]) -> dict[str, dict[str, Any]]:
    """Every variant's rule as Snakemake understands it: rule, estimator, images, documents."""
    workflow = make_workflow(*NAMES)
    with open(workflow.folder / "Snakefile", "a") as file:
        file.write(DUMP)
    outcome = workflow.run("--list-rules")
    assert outcome.code == 0, outcome.text
    return json.loads((workflow.folder / "rules.json").read_text())


def test_claims_ask_for_runs_that_their_budgets_make(rules):
    """A claim about anything else would stay unmeasured for ever."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    files = sorted(VARIANTS.glob("*.smk"))
    planned = {
        budget: plan.read(config | {"budget": budget}, schema, files).comparisons(rules)
        for budget in config["budgets"]
    }
    for claim in claims.load():
        query = claim.get("query", {})
        sides = [query, query.get("minus", {}), query.get("left", {})]
        for side in [*sides, *query.get("right", []), *query.get("chain", [])]:
            for budget in claim["budgets"] if "variant" in side else []:
                run = (query["dataset"], side["variant"], side["code_size"])
                assert run in planned[budget], f"{claim['id']} at {budget}"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Return a function that prepares a small data set of a kind, once for each kind of test part.

    Its test part is `usual`, or `other`: other items with meaningless labels. The training part
    is the same.
    """
    folder = tmp_path_factory.mktemp("data")

    def prepare(kind: str, part: str) -> Path:
        path = folder / kind / part / "data.npz"
        if not path.exists():
            dataset = small_dataset(DATASETS[kind])
            if part == "other":
                dataset.test = dataset.test[::-1] if kind == "documents" else 1 - dataset.test
                dataset.test_labels = np.random.default_rng(3).permutation(dataset.test_labels)
            datasets.save(dataset, path, path.with_suffix(".json"))
        return path

    return prepare


@pytest.fixture(scope="module")
def fitted(rules, prepared, tmp_path_factory) -> Callable[..., dict[int, Path]]:
    """Return a function that trains a variant on a kind of data, and keeps what it wrote."""
    known: dict[tuple, dict[int, Path]] = {}

    def fit(variant: str, kind: str, part: str = "usual", again: int = 0) -> dict[int, Path]:
        parameters = rules[variant]
        if parameters["estimator"] is None:
            pytest.skip("has a script of its own")
        if parameters[kind] is None:
            pytest.skip(f"does not apply to {kind}")
        key = (variant, kind, part, again)
        if key not in known:
            size = code_size(parameters, kind)
            root = tmp_path_factory.mktemp("runs") / DATASETS[kind] / variant / f"d{size}"
            folders = {seed: root / f"seed-{seed}" for seed in SEEDS}
            train.run(
                prepared(kind, part),
                folders,
                estimator=parameters["estimator"],
                parameters=parameters,
                code_size=size,
                epochs=EPOCHS,
                device="cpu",
                precision="high",
                threads=1,
                label=variant,
            )
            known[key] = folders
        return known[key]

    return fit


def code_size(parameters: dict[str, Any], kind: str) -> int:
    """A small one, but for variants that must have as many units as there are features."""
    if parameters[kind].get("code_sizes") == plan.FEATURES:
        return small_dataset(DATASETS[kind]).train.shape[1]
    return CODE_SIZE


def codes(folder: Path, part: str) -> bytes:
    with np.load(folder / "codes.npz") as arrays:
        return arrays[part].tobytes()


def varied(folder: Path) -> bool:
    with np.load(folder / "codes.npz") as arrays:
        return len(np.unique(arrays["test"], axis=0)) > 1


def history(folder: Path) -> list[str]:
    """Rows of history.csv without their seconds."""
    return [line.rpartition(",")[0] for line in (folder / "history.csv").read_text().splitlines()]


both_kinds = pytest.mark.parametrize("kind", DATASETS)


def test_there_are_variants():
    needed = "deep deep-rbm hinton-2006 lsa-log lsa-tfidf mean pca random-projection"
    assert set(needed.split()) <= set(NAMES)


def test_they_come_in_the_order_of_their_files(rules):
    assert list(rules) == NAMES


@pytest.mark.parametrize("variant", NAMES)
class TestVariant:
    def test_rule_is_named_after_the_file(self, rules, variant):
        assert rules[variant]["rule"] == f"train_{variant.replace('-', '_')}"

    def test_it_applies_to_some_kind(self, rules, variant):
        given = [rules[variant][kind] for kind in DATASETS]
        assert any(isinstance(parameters, dict) for parameters in given)

    def test_it_has_a_role(self, rules, variant):
        assert plan.role(variant, rules[variant]) in plan.ROLES

    def test_first_line_says_what_it_is(self, variant):
        first = (VARIANTS / f"{variant}.smk").read_text().splitlines()[0]
        assert first.startswith("# ")
        assert first.endswith(".")

    @both_kinds
    def test_it_keeps_the_contract(self, rules, fitted, prepared, variant, kind):
        # Shapes, finite values, shares of words: what evaluate would refuse.
        dataset = datasets.read(prepared(kind, "usual"))
        for folder in fitted(variant, kind).values():
            size = code_size(rules[variant], kind)
            model = models.load(folder)
            run = read_run(folder, dataset, size, model.inverse_transform)
            assert run.codes_train.shape == (80, size)
            for file in TRAINED:
                assert (folder / file).is_file()

    @both_kinds
    def test_the_model_that_is_kept_gives_the_codes(self, fitted, prepared, variant, kind):
        dataset = datasets.read(prepared(kind, "usual"))
        for folder in fitted(variant, kind).values():
            found = models.load(folder).transform(dataset.test)
            with np.load(folder / "codes.npz") as arrays:
                assert found.dtype == arrays["test"].dtype or found.dtype == np.float64
                np.testing.assert_allclose(found, arrays["test"], rtol=1e-4, atol=1e-4)

    @both_kinds
    def test_numpy_alone_runs_a_dense_decoder(self, rules, fitted, variant, kind):
        for folder in fitted(variant, kind).values():
            layers, parameters = decoder.read(folder), rules[variant]
            if layers is None:
                dense = "layers" not in parameters[kind]
                assert not (parameters["estimator"] == "AutoEncoder" and dense)
                continue
            with np.load(folder / "codes.npz") as arrays:
                Z = arrays["test"]
            expected = models.load(folder).inverse_transform(Z)
            np.testing.assert_allclose(decoder.decode(layers, Z), expected, rtol=1e-4, atol=1e-5)

    @both_kinds
    def test_same_seed_gives_the_same_bytes(self, fitted, variant, kind):
        first, second = fitted(variant, kind), fitted(variant, kind, again=1)
        for seed in SEEDS:
            for file in ("codes.npz", "model.json", "model.safetensors"):
                one, two = first[seed] / file, second[seed] / file
                assert one.read_bytes() == two.read_bytes(), file

    @both_kinds
    def test_training_does_not_see_the_test_set(self, fitted, variant, kind):
        usual, other = fitted(variant, kind), fitted(variant, kind, part="other")
        for seed in SEEDS:
            assert codes(usual[seed], "train") == codes(other[seed], "train")
            assert history(usual[seed]) == history(other[seed])
            kept = [folders[seed] / "model.safetensors" for folders in (usual, other)]
            assert kept[0].read_bytes() == kept[1].read_bytes()
            if varied(usual[seed]):  # a control, or bits after an epoch, may have a single code
                assert codes(usual[seed], "test") != codes(other[seed], "test")
