"""The configuration, checked and spelt out as runs."""

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from aebench.errors import AebenchError
from aebench.stages import plan

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
FILES = [Path(f"variants/{name}.smk") for name in ("deep", "lsa", "pca")]
BOTH: dict[str, Any] = {"role": "baseline", "images": {}, "documents": {}}
DEEP: dict[str, Any] = {"estimator": "AutoEncoder"}


@pytest.fixture
def config() -> dict[str, Any]:
    scale = {"epochs": {"pretraining": 1, "adam": 0.5, "conjugate_gradients": 2}}
    limited = {"items": {"train": 60, "test": 50}, "queries": 10, "probe_items": 55, **scale}
    return {
        "budget": "small",
        "datasets": ["mnist", "reuters-r52"],
        "variants": "all",
        "code_sizes": {"images": [30, 2], "documents": [50, 2, 10]},
        "unseen": {},
        "database": "test",
        "vocabulary_size": 100,
        "device": "cpu",
        "precision": "high",
        "checkpoint_minutes": 5,
        "budgets": {
            "small": {
                "seeds": [0, 3],
                "images": limited,
                "documents": scale,
                "datasets": {"reuters-r52": {}, "mnist": {}},
            }
        },
    }


def read(config: dict[str, Any]) -> plan.Plan:
    return plan.read(config, SCHEMA, FILES)


def refusal(config: dict[str, Any]) -> str:
    with pytest.raises(AebenchError) as caught:
        read(config)
    message = str(caught.value)
    assert message.startswith("config: ")
    assert "\n" not in message
    return message


# ---------------------------------------------------------------- what a plan says


def test_the_configuration_that_comes_with_aebench_is_allowed():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for budget in config["budgets"]:
        assert plan.read(config | {"budget": budget}, SCHEMA, FILES).budget["seeds"]
    assert {"smoke", "quick", "full"} <= config["budgets"].keys()


def test_all_variants_are_those_with_a_file(config):
    assert read(config).variants == ["deep", "lsa", "pca"]


def test_unseen_data_sets_are_prepared_but_not_compared(config):
    config["unseen"] = {"mnist": "fashion-mnist", "curves": "mnist"}
    found = read(config)
    assert found.unseen("mnist") == "fashion-mnist"
    assert found.unseen("reuters-r52") is None
    assert found.datasets == ["mnist", "reuters-r52"]
    assert found.prepared == ["mnist", "reuters-r52", "fashion-mnist"]
    assert found.limits("fashion-mnist") == {"train_items": 60, "test_items": 50}


def test_unseen_data_sets_exist(config):
    assert "unseen has 'digits'" in refusal(config | {"unseen": {"digits": "mnist"}})
    assert "unseen has 'letters'" in refusal(config | {"unseen": {"mnist": "letters"}})


@pytest.mark.parametrize(
    ("name", "other"),
    [("mnist", "olivetti"), ("mnist", "rcv1"), ("rcv1", "mnist"), ("rcv1", "20newsgroups")],
)
def test_unseen_data_sets_fit_the_model(config, name, other):
    message = refusal(config | {"unseen": {name: other}})
    assert f"unseen has '{other}' for '{name}'" in message
    assert "image data sets with equally many pixels" in message


def test_all_data_sets_are_those_of_the_budget(config):
    assert read(config | {"datasets": "all"}).datasets == ["reuters-r52", "mnist"]


def test_a_data_set_that_the_budget_does_not_name_has_the_numbers_of_its_kind(config):
    small = read(config | {"datasets": ["curves"]})
    assert small.datasets == ["curves"]
    assert small.limits("curves") == small.limits("mnist")
    assert small.epochs("curves") == small.epochs("mnist")


def test_chosen_variants_keep_their_order(config):
    assert read(config | {"variants": ["pca", "deep"]}).variants == ["pca", "deep"]


def test_limits_go_by_kind_and_are_none_when_absent(config):
    small = read(config)
    assert small.limits("mnist") == {"train_items": 60, "test_items": 50}
    assert small.limits("reuters-r52") == {"train_items": None, "test_items": None}
    none = dict.fromkeys(plan.LIMITS)
    assert small.evaluation_limits("mnist") == none | {"queries": 10, "probe_items": 55}
    assert small.evaluation_limits("reuters-r52") == none


def test_one_limit_may_stand_alone(config):
    config["budgets"]["small"]["images"]["items"] = {"test": 50}
    assert read(config).limits("mnist") == {"train_items": None, "test_items": 50}


def test_epochs_are_the_budgets_own(config):
    expected = {"pretraining": 1, "adam": 0.5, "conjugate_gradients": 2}
    assert read(config).epochs("mnist") == expected
    assert read(config).epochs("reuters-r52") == expected


# ---------------------------------------------------------------- comparisons


def test_comparisons_follow_data_sets_then_variants_then_code_sizes(config):
    assert read(config).comparisons({"pca": BOTH, "deep": DEEP | {"images": {}}}) == [
        ("mnist", "pca", 2),
        ("mnist", "pca", 30),
        ("mnist", "deep", 2),
        ("mnist", "deep", 30),
        ("reuters-r52", "pca", 2),
        ("reuters-r52", "pca", 10),
        ("reuters-r52", "pca", 50),
    ]


def test_a_variant_without_parameters_of_a_kind_applies_to_it(config):
    # `images=dict()` is an answer, `images` absent or None is not.
    found = read(config).comparisons({"pca": BOTH | {"documents": None}})
    assert {dataset for dataset, _, _ in found} == {"mnist"}


def test_code_sizes_of_a_variant_replace_those_of_the_configuration(config):
    found = read(config).comparisons({"deep": DEEP | {"images": {"code_sizes": [7, 5]}}})
    assert found == [("mnist", "deep", 5), ("mnist", "deep", 7)]


def test_a_data_set_may_have_code_sizes_of_its_own(config):
    config["code_sizes"]["curves"] = [6, 18, 3]
    found = read(config | {"datasets": ["curves", "mnist"]}).comparisons({"pca": BOTH})
    sizes = {name: [size for dataset, _, size in found if dataset == name] for name, _, _ in found}
    assert sizes == {"curves": [3, 6, 18], "mnist": [2, 30]}


def test_main_is_the_first_code_size_of_each_data_set(config):
    config["code_sizes"]["curves"] = [6, 18]
    rules = {
        "pca": {"role": "baseline", "images": {"code_sizes": "main"}, "documents": {}},
    }
    assert read(config | {"datasets": ["mnist", "curves", "reuters-r52"]}).comparisons(rules) == [
        ("mnist", "pca", 30),
        ("curves", "pca", 6),
        ("reuters-r52", "pca", 2),
        ("reuters-r52", "pca", 10),
        ("reuters-r52", "pca", 50),
    ]


def test_what_is_shown_has_the_main_code_size_or_its_smallest(config):
    found = read(config)
    own = {"deep": DEEP | {"images": {"code_sizes": [1000, 40]}}}
    shown = found.shown_code_sizes("mnist", found.comparisons({"pca": BOTH, **own}))
    assert shown == {"pca": 30, "deep": 40}


def test_features_are_as_many_as_the_data_set_has(config):
    rules = {
        "raw": {
            "role": "control",
            "images": {"code_sizes": "features"},
            "documents": {"code_sizes": "features"},
        }
    }
    expected = [("mnist", "raw", 784), ("olivetti", "raw", 625), ("reuters-r52", "raw", 100)]
    chosen = config | {"datasets": ["mnist", "olivetti", "reuters-r52"]}
    assert read(chosen).comparisons(rules) == expected
    config["budgets"]["small"]["main_code_size_only"] = True
    assert read(chosen).comparisons(rules) == expected


def test_main_code_size_only(config):
    config["budgets"]["small"]["main_code_size_only"] = True
    config["code_sizes"]["fashion-mnist"] = [5, 7]
    rules = {
        "pca": BOTH,
        "deep": DEEP | {"images": {"code_sizes": [20, 30]}},  # the main one, where it is there
        "main": DEEP | {"images": {"code_sizes": "main"}},
    }
    plan_read = read(config | {"datasets": ["mnist", "fashion-mnist", "reuters-r52"]})
    assert plan_read.comparisons(rules) == [
        ("mnist", "pca", 30),
        ("mnist", "deep", 30),
        ("mnist", "main", 30),
        ("fashion-mnist", "pca", 5),
        ("fashion-mnist", "deep", 20),
        ("fashion-mnist", "main", 5),
        ("reuters-r52", "pca", 50),
    ]


def test_comparisons_leave_the_configuration_as_it_was(config):
    before = copy.deepcopy(config)
    read(config).comparisons({"pca": BOTH})
    assert config == before


def test_a_variant_of_no_kind_is_refused(config):
    with pytest.raises(AebenchError, match=r"variant deep: .* neither `images` nor `documents`"):
        read(config).comparisons({"pca": BOTH, "deep": DEEP})


def test_nothing_to_do_is_refused(config):
    only_images = read(config | {"datasets": ["mnist"], "variants": ["lsa"]})
    with pytest.raises(AebenchError, match="none of the variants lsa applies to mnist"):
        only_images.comparisons({"lsa": {"role": "baseline", "documents": {}}})


@pytest.mark.parametrize("sizes", [[], [0], [2, 2], [2.5], ["2"], 2, [True], "all"])
def test_code_sizes_of_a_variant_are_checked(config, sizes):
    with pytest.raises(
        AebenchError, match=r"variant deep: code_sizes .* whole numbers.* 'main' or 'features'"
    ):
        read(config).comparisons({"deep": DEEP | {"images": {"code_sizes": sizes}}})


def test_parameters_of_a_kind_are_a_dict(config):
    with pytest.raises(AebenchError, match="variant deep: `images` is True; allowed is a dict"):
        read(config).comparisons({"deep": DEEP | {"images": True}})


@pytest.mark.parametrize(
    ("params", "role"),
    [
        ({"estimator": "AutoEncoder"}, "autoencoder"),
        ({"estimator": "AutoEncoder", "role": "control"}, "control"),
        ({"estimator": "PCA", "role": "baseline"}, "baseline"),
        ({"role": "autoencoder"}, "autoencoder"),
    ],
)
def test_role(params, role):
    assert plan.role("mine", params) == role


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"estimator": "PCA", "images": {}}, "its rule's params name no `role`"),
        ({"images": {}}, "its rule's params name no `role`"),
        ({"role": "pca", "images": {}}, "`role` is 'pca'"),
        ({"estimator": "AutoEncoder", "role": "", "images": {}}, "`role` is ''"),
    ],
)
def test_a_variant_must_say_what_it_is(config, params, found):
    with pytest.raises(AebenchError) as caught:
        read(config).comparisons({"pca": BOTH, "mine": params})
    allowed = "allowed are autoencoder, baseline, control."
    assert str(caught.value) == f"variant mine: {found}; {allowed}"


# ---------------------------------------------------------------- the command line and the file


def test_what_decides_results_is_all_but_when_checkpoints_are_written(config):
    found = plan.deciding(config)
    assert config.keys() - found.keys() == {"checkpoint_minutes"}
    assert found == plan.deciding(config | {"checkpoint_minutes": 0.1})


def test_given_is_what_the_file_does_not_say(config, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    assert plan.given(config, file) == {}
    changed = {"datasets": ["mnist"], "code_sizes": {"images": [2], "documents": [2]}}
    assert plan.given(config | changed, file) == changed


def test_only_a_variant_newer_than_the_list_is_overlooked(tmp_path):
    file = tmp_path / "config.yaml"
    variants = [tmp_path / f"{name}.smk" for name in ("new", "old", "listed")]
    for place, path in enumerate([file, *variants]):
        path.touch()
        os.utime(path, (0, 5 if path.stem == "old" else 10 + place))
    assert plan.overlooked(["listed"], variants, file) == ["new"]
    assert plan.overlooked(["listed", "old", "new"], variants, file) == []


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": 1}, ("unknown key 'colour'", "top level", "budget, datasets")),
        ({"budget": "huge"}, ("budget has 'huge'", "allowed are small")),
        ({"budget": 3}, ("budget is 3", "string")),
        ({"datasets": []}, ("datasets is []", "empty")),
        ({"datasets": ["mnst"]}, ("datasets has 'mnst'", "20newsgroups, reuters-r52, rcv1")),
        ({"datasets": "mnist"}, ('datasets is "mnist"', "`all` or a list of names")),
        ({"datasets": ["mnist", "mnist"]}, ('datasets is ["mnist", "mnist"]', "twice")),
        ({"datasets": None}, ("datasets is null", "`all` or a list of names")),
        ({"variants": ["dep"]}, ("variants has 'dep'", "deep, lsa, pca")),
        ({"variants": "pca"}, ('variants is "pca"', "all", "list of names")),
        ({"variants": []}, ("variants is []", "empty")),
        ({"device": "tpu"}, ('device is "tpu"', "auto, cpu, cuda")),
        ({"database": "validation"}, ("database is", "validation", "allowed are test, train")),
        ({"vocabulary_size": 0}, ("vocabulary_size is 0", "smallest allowed is 1")),
        ({"vocabulary_size": 2.5}, ("vocabulary_size is 2.5", "integer")),
        ({"code_sizes": {"images": [0], "documents": [2]}}, ("code_sizes.images.0 is 0", "1")),
        ({"code_sizes": {"images": [2]}}, ("code_sizes", "'documents' is a required")),
        ({"code_sizes": {"images": [], "documents": [2]}}, ("code_sizes.images is []", "empty")),
        (
            {"code_sizes": {"images": [2], "documents": [2], "mnst": [2]}},
            ("has 'mnst'", "documents"),
        ),
        ({"budgets": {"Big One": {}}}, ("Big One", "lower-case")),
    ],
)
def test_one_message_names_key_value_and_what_is_allowed(config, change, words):
    message = refusal(config | change)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": []}, ("budgets.small.seeds is []", "empty")),
        ({"seeds": [1, 1]}, ("budgets.small.seeds is [1, 1]", "twice")),
        ({"seeds": [-1]}, ("budgets.small.seeds.0 is -1", "smallest allowed is 0")),
        ({"sedes": [1]}, ("unknown key 'sedes' at budgets.small", "seeds")),
        ({"images": {}}, ("budgets.small.images", "'epochs' is a required")),
        ({"main_code_size_only": "yes"}, ('main_code_size_only is "yes"', "boolean")),
        ({"datasets": {}}, ("budgets.small.datasets is {}", "at least one")),
        ({"datasets": ["mnist"]}, ('budgets.small.datasets is ["mnist"]', "object")),
        ({"datasets": {"mnst": {}}}, ("budgets.small.datasets has 'mnst'", "allowed are mnist")),
    ],
)
def test_budgets_are_checked(config, change, words):
    config["budgets"]["small"] |= change
    message = refusal(config)
    for word in words:
        assert word in message


@pytest.mark.parametrize("value", [{"images": ["2"], "documents": [2]}, ["2"], "2"])
def test_nested_values_of_the_command_line_are_explained(config, value):
    assert "edit config.yaml or pass --configfile" in refusal(config | {"code_sizes": value})
    assert "--configfile" not in refusal(config | {"vocabulary_size": "many"})


@pytest.mark.parametrize("key", ["budget", "datasets", "variants", "code_sizes", "budgets"])
def test_a_missing_key_is_named(config, key):
    del config[key]
    assert f"'{key}' is a required" in refusal(config)


# ---------------------------------------------------------------- failures


def test_failures_are_the_last_lines_of_logs_that_end_in_an_error(tmp_path):
    (tmp_path / "a.log").write_text("working\nerror: a: no room.\n")
    (tmp_path / "b.log").write_text("error: b: an earlier run.\nall well\n")
    (tmp_path / "c.log").write_text("")
    (tmp_path / "d.log").write_bytes(b"\xff\xfe\nerror: d: broken \xff.\n")
    found = plan.failures(sorted(tmp_path.glob("*.log")))
    assert found[0] == "error: a: no room."
    assert found[1].startswith("error: d: broken")
    assert len(found) == 2


def test_failures_of_a_job_that_wrote_no_log(tmp_path):
    assert plan.failures([tmp_path / "logs" / "a.log"]) == []


def test_a_data_set_may_differ_from_its_kind(config):
    small = config["budgets"]["small"]
    small["datasets"] = {"20newsgroups": {"queries": 7}}
    read_plan = read(config)
    assert read_plan.evaluation_limits("20newsgroups")["queries"] == 7
    assert read_plan.epochs("20newsgroups") == read_plan.epochs("reuters-r52")
    assert read_plan.evaluation_limits("reuters-r52")["queries"] is None
    small["datasets"] = {"20news": {"queries": 7}}
    assert "budgets.small.datasets has '20news'; allowed are mnist" in refusal(config)
    small["datasets"] = {"rcv1": {"querys": 7}}
    found = refusal(config)
    assert "unknown key 'querys' at budgets.small.datasets.rcv1; allowed are items, " in found
