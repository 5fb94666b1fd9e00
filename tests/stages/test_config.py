"""config.yaml is data: whatever else it says is told in one message, with its line."""

import pytest
from conftest import ROOT

from aebench.errors import AebenchError
from aebench.stages import config, plan

LISTS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
TABLES = "a0: &a0 {k: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)
)


def read(tmp_path, text):
    file = tmp_path / "config.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return config.read(file)


def test_the_configuration_that_comes_with_aebench():
    import yaml

    file = ROOT / "config.yaml"
    assert config.read(file) == yaml.safe_load(file.read_text())


def test_aliases_may_share_a_part_of_a_budget(tmp_path):
    found = read(tmp_path, "quick: &quick {a: 1, b: 2}\nmine: {<<: *quick, b: 3}\n")
    assert found["mine"] == {"a": 1, "b": 3}


@pytest.mark.promise(
    "Untrusted input",
    "config.yaml is read as plain data: no tags of Python, no templates that Snakemake would run, "
    "no aliases that stand for a billion values, no key twice",
)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: !!python/object/apply:os.system [ls]", "line 2: .* of type python/object"),
        ("a: !!python/name:os.system", "line 1: .* of type python/name:os.system"),
        ("a: 1\n__use_yte__: true\nb: ?open('x', 'w')", "line 2: the key __use_yte__ is not"),
        ("pathvars: {results: /}", "line 1: the key pathvars is not allowed"),
        ("<<: {__use_yte__: true}\nb: ?open('x', 'w')", "`<<` is not allowed at the top level"),
        ("a: &a {__use_yte__: true}\n<<: [*a]", "`<<` is not allowed at the top level"),
        (LISTS, "more than the 2,000 values"),
        (TABLES, "more than the 2,000 values"),
        ("a: &a [*a]", "line 1: an alias holds itself"),
        ("a: 1\na: 2", "line 2: the key 'a' stands twice"),
        ("1: 2", "line 1: the key '1' is no text"),
        ("a: 2020-01-01", "line 1: '2020-01-01' is of type timestamp"),
        ("a: !!binary aGk=", "line 1: 'aGk=' is of type binary"),
        ("a: 010", "line 1: '010' is a whole number that is not written in decimal"),
        ("a: 1:30", "not written in decimal"),
        ("a: .nan", "line 1: '.nan' is not a finite number"),
        ("a: !!bool 3", "not YAML that can be read"),
        ("a: " + "9" * 5000, "not YAML that can be read: .*digits"),
        ("[" * 5000, "nested too deeply"),
        ("a: [1\nb: ]x{", "not YAML that can be read: line 2"),
        ("a: \x07", "not YAML that can be read: .*x0007"),
        (b"\xff\xfe\x00", "not YAML that can be read: .*utf-8"),
        ("", "a table of keys at the top level is needed"),
        ("- a", "a table of keys at the top level is needed"),
        ("#" * 100_001, "larger than the 100,000 bytes"),
    ],
)
def test_what_is_no_plain_data_is_refused(tmp_path, text, words, measured):
    with pytest.raises(AebenchError, match=words) as found:
        read(tmp_path, text)
    assert str(found.value).isprintable()
    measured("hostile inputs refused", 1)


def test_a_missing_file_is_one_message(tmp_path):
    with pytest.raises(AebenchError, match=r"cannot read .*No such file"):
        config.read(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vocabulary_size": 2000.0}, "vocabulary_size is 2000.0; a value of type integer"),
        ({"vocabulary_size": 2**70}, "the largest allowed is 1000000"),
        ({"budget": "quick\n"}, r"budget has 'quick'; allowed are|budget has .*quick"),
        ({"budget": "../../x"}, r"budget has '../../x'; allowed are smoke, quick, full"),
        ({"budget": "x" * 1000}, "up to 50 letters are allowed"),
        ({"code_sizes": {"images": [0], "documents": [2]}}, "the smallest allowed is 1"),
        ({"code_sizes": {"images": [2**70], "documents": [2]}}, "the largest allowed is 65536"),
        ({"x\n\x1b[31m": 1}, r"unknown key 'x\\n\\x1b\[31m'"),
        ({3: 1}, "the key 3 is no text"),
        ({"datasets": ["x"] * 3000}, "more than the 2,000 values"),
        ({"datasets": [["x"]] * 500}, "config: datasets"),
    ],
)
def test_values_are_bounded_and_messages_short(change, words):
    given = {**config.read(ROOT / "config.yaml"), **change}
    with pytest.raises(AebenchError, match=words) as found:
        plan.read(given, ROOT / "workflow/schemas/config.schema.yaml", [])
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 500


@pytest.mark.parametrize("nan", [float("nan"), float("inf")])
def test_epochs_are_finite(nan):
    given = config.read(ROOT / "config.yaml")
    given["budgets"]["quick"]["images"]["epochs"]["adam"] = nan
    with pytest.raises(AebenchError, match=r"epochs\.adam is"):
        plan.read(given, ROOT / "workflow/schemas/config.schema.yaml", [])


@pytest.mark.promise(
    "Untrusted input",
    "Budgets and variants whose names could lead out of their folder, or into a rule, are refused",
)
@pytest.mark.parametrize(
    "name",
    ["a b", "$x$", "<b>", "a\nb", "{wildcard}", ".hidden", "-rf", "ä", "=x", "x" * 101, "a'b"],
)
def test_hostile_names_of_variants_are_refused(name, measured):
    from pathlib import Path

    given = config.read(ROOT / "config.yaml")
    with pytest.raises(AebenchError, match="a variant's name has") as found:
        plan.read(
            given, ROOT / "workflow/schemas/config.schema.yaml", [Path(f"workflow/{name}.smk")]
        )
    assert str(found.value).isprintable()
    measured("hostile names refused", 1)


@pytest.mark.parametrize("name", ["../x", "quick\n", "a b", "", "-x", "X", "{x}", "a/b"])
def test_hostile_names_of_budgets_are_refused(name):
    given = config.read(ROOT / "config.yaml")
    given["budgets"][name] = given["budgets"]["quick"]
    with pytest.raises(AebenchError, match="names have lower-case letters"):
        plan.read(given | {"budget": name}, ROOT / "workflow/schemas/config.schema.yaml", [])
