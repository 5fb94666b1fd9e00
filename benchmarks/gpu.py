"""Measure training on a GPU, and run the full budget there, within nine minutes.

    python benchmarks/gpu.py --out gpu-results            one big GPU, 16 cores, no network
    python benchmarks/gpu.py --out smoke --smoke          the same on a CPU, tiny, in a minute

The package may be installed or not (src/ is found), data come from AEBENCH_CACHE or AEBENCH_MIRROR.
Writes <out>/gpu.json, anew after every part, and the tables of the full budget to <out>/full/.
Every part has a process and a time limit of its own: what one has measured before it fails or is
stopped is kept, and the others go on.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SOURCE = str(ROOT / "src")
if importlib.util.find_spec("aebench") is None:
    sys.path.insert(0, SOURCE)

CODE_SIZE = 30
LIMITS = {"machine": 60, "seeds": 60, "equality": 60, "precision": 60, "hinton": 120, "full": 540}
"""Seconds of each part at most; `full`, the last, takes what is left."""
ENDING = 10  # seconds kept for copying the last results

FIVE_SEEDS_WITHIN = 1.5  # times one seed's time
HINTON_SECONDS = 60
FULL_SECONDS = 600
EQUAL_WITHIN = 1e-4  # relative, in squared error

Result = dict[str, Any]


# ---------------------------------------------------------------- the parts
# Each yields what it knows so far, as often as it likes; the last is its result.


def machine(_: argparse.Namespace) -> Iterator[Result]:
    """What ran: hardware, driver and versions."""
    import numpy
    import scipy
    import sklearn
    import torch

    facts: Result = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "cores": len(os.sched_getaffinity(0)),
        "processor": platform.machine(),
        "gpu": None,
    }
    yield facts
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        memory = round(properties.total_memory / 2**30, 1)
        facts |= {"gpu": properties.name, "gpu_memory_gib": memory}
        yield facts
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        said = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
        yield facts | {"driver": said.stdout.strip()}


def seeds(arguments: argparse.Namespace) -> Iterator[Result]:
    """One seed of `deep` against five in one pass; the whole of `fit_seeds` is on the clock."""
    mnist = _mnist(arguments)
    deep = {**_images("deep"), "epochs": 1 if arguments.smoke else 10}
    _fit(arguments, mnist, [0], deep | {"epochs": 0.05})  # the first use of a GPU takes seconds
    best: dict[int, float] = {}
    found: Result = {"variant": "deep", "epochs": deep["epochs"]}
    for round_ in range(2):  # in turns, the least of each
        for count in (1, 5):
            fitted, seconds = _fit(arguments, mnist, range(count), deep)
            best[count] = min(seconds, best.get(count, seconds))
            found[f"seconds_{count}_seeds"] = best[count]
            if not round_:
                errors = [_squared_error(model, mnist.test) for model in fitted]
                found[f"test_squared_error_{count}_seeds"] = errors
            yield found
    ratio = best[5] / best[1]
    yield found | _judged("five_seeds_over_one", ratio, FIVE_SEEDS_WITHIN) | _memory()


def equality(arguments: argparse.Namespace) -> Iterator[Result]:
    """The same short training on the CPU and on the device, and one seed alone against a stack."""
    mnist = _mnist(arguments, 10_000, 2_000)
    short = {"epochs": 1, "precision": "highest"}
    recipes = {
        "adam": _images("deep") | short,
        "conjugate_gradients": _images("hinton-2006") | short | {"pretraining": "none"},
        "rbm_pretraining": _images("hinton-2006") | short | {"epochs": 0, "pretraining_epochs": 1},
    }
    found: Result = {"note": "an RBM draws from the device's own random numbers: not equal by rule"}
    for name, recipe in recipes.items():
        errors = {}
        for device, count in (("cpu", 1), (arguments.device, 1), (arguments.device, 5)):
            fitted, _ = _fit(arguments, mnist, range(count), recipe, device)
            errors[device, count] = _squared_error(fitted[0], mnist.test)
        cpu = errors["cpu", 1]
        worst = max(abs(error / cpu - 1) for error in errors.values())
        shown = {f"{device}, {count} seeds": e for (device, count), e in errors.items()}
        judged = _judged("relative_difference", worst, EQUAL_WITHIN)
        if name == "rbm_pretraining":
            judged.pop("met")
        found[name] = {"squared_error": shown, **judged}
        yield found


def precision(arguments: argparse.Namespace) -> Iterator[Result]:
    """Matrix products in float32, TF32 and bfloat16: test squared error and seconds."""
    mnist = _mnist(arguments)
    epochs = 1 if arguments.smoke else 5
    recipes = {
        "deep": _images("deep") | {"epochs": epochs},
        "hinton-2006": _images("hinton-2006") | {"epochs": epochs, "pretraining_epochs": epochs},
    }
    _fit(arguments, mnist, [0], _images("deep") | {"epochs": 0.05})
    found: Result = {"epochs": epochs, "words": {"highest": "float32", "high": "TF32"}}
    for name, recipe in recipes.items():
        for word in ("highest", "high", "medium"):
            fitted, seconds = _fit(
                arguments, mnist, range(1 if arguments.smoke else 3), recipe | {"precision": word}
            )
            errors = [_squared_error(model, mnist.test) for model in fitted]
            mean = sum(errors) / len(errors)
            facts = {"seconds": seconds, "test_squared_error": errors, "mean": mean}
            found.setdefault(name, {})[word] = facts
            yield found


def hinton(arguments: argparse.Namespace) -> Iterator[Result]:
    """`hinton-2006` at the paper's 50 + 200 epochs, all seeds: squared error and seconds.

    Measuring the error now and then is not on the clock.
    """
    mnist = _mnist(arguments)
    count = 2 if arguments.smoke else 5
    epochs = {"pretraining_epochs": arguments.pretraining_epochs, "epochs": arguments.hinton_epochs}
    looks = sorted({0, 1, 4, 9, 19, 34, 50, 100, 150} & set(range(arguments.hinton_epochs)))
    curve: list[Result] = []
    spent, resumed = 0.0, time.perf_counter()

    def look(estimator: Any, done: int) -> None:
        """Called for each seed after each epoch; the first seed stands for all."""
        nonlocal spent, resumed
        if done not in looks or estimator.random_state != 0:
            return
        _synchronise()
        spent += time.perf_counter() - resumed
        error = _squared_error(estimator, mnist.test)
        curve.append({"epochs": done, "seconds": spent, "test_squared_error": error})
        _hand_over({"variant": "hinton-2006", **epochs, "curve_of_seed_0": curve})
        resumed = time.perf_counter()

    estimator = _estimator(arguments, _images("hinton-2006") | epochs)
    resumed = time.perf_counter()
    fitted = estimator.fit_seeds(mnist.train, range(count), on_epoch=look)
    _synchronise()
    spent += time.perf_counter() - resumed
    errors = [_squared_error(model, mnist.test) for model in fitted]
    found = {"variant": "hinton-2006", **epochs, "seeds": count, "curve_of_seed_0": curve}
    found |= {"test_squared_error": errors, "mean": sum(errors) / len(errors)}
    yield found | _judged("seconds", spent, HINTON_SECONDS) | _memory()


def full(arguments: argparse.Namespace) -> Iterator[Result]:
    """The full budget through Snakemake, in a fresh copy of the workflow."""
    if importlib.util.find_spec("snakemake") is None:
        raise SkippedError("snakemake is not installed here")
    from works.startup import copy_workflow

    for old in (arguments.out / "full").glob("*.*"):  # of another run
        old.unlink()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) / "workflow"
        copy_workflow(folder)
        smoke = {"budget": "smoke", "datasets": ["mnist"], "variants": ["deep", "mean"]}
        whole = {
            "budget": "full",
            "datasets": arguments.datasets,
            "variants": arguments.variants or "all",
        }
        _configure(folder, **(smoke if arguments.smoke else whole), device=arguments.device)
        watch = _Watch(folder, arguments)
        try:
            yield from watch.run()
        finally:
            watch.keep()


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Result]]] = {
    "machine": machine,
    "seeds": seeds,
    "equality": equality,
    "precision": precision,
    "hinton": hinton,
    "full": full,
}


# ---------------------------------------------------------------- what the parts share


class SkippedError(Exception):
    """A part that cannot be measured here."""


def _mnist(arguments: argparse.Namespace, train: int | None = None, test: int | None = None) -> Any:
    from aebench import datasets

    return datasets.prepare("mnist", *((500, 200) if arguments.smoke else (train, test)))


def _images(variant: str) -> Result:
    """Parameters of a variant on images."""
    from works.variants import parameters

    found = parameters(variant, "images")
    found.pop("code_sizes", None)
    return found


def _estimator(arguments: argparse.Namespace, recipe: Result, device: str | None = None) -> Any:
    from aebench.models import AutoEncoder

    small = {"hidden": (30, 20)} if arguments.smoke else {}
    return AutoEncoder(CODE_SIZE, device=device or arguments.device, **recipe | small)


def _fit(
    arguments: argparse.Namespace, data: Any, seeds: Any, recipe: Result, device: str | None = None
) -> tuple[list[Any], float]:
    """Fitted estimators and seconds."""
    estimator = _estimator(arguments, recipe, device)
    start = time.perf_counter()
    fitted = estimator.fit_seeds(data.train, seeds)
    _synchronise()
    return fitted, time.perf_counter() - start


def _squared_error(estimator: Any, X: Any) -> float:
    """Summed over pixels, averaged over items."""
    difference = estimator.inverse_transform(estimator.transform(X)) - X
    return float((difference.astype("float64") ** 2).sum(axis=1).mean())


def _synchronise() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _memory() -> Result:
    import torch

    if not torch.cuda.is_available():
        return {}
    return {"peak_gpu_memory_mib": round(torch.cuda.max_memory_allocated() / 2**20)}


def _judged(name: str, value: float, target: float) -> Result:
    return {name: value, "target": target, "met": value <= target}


def _hand_over(result: Result) -> None:
    """Give the parent process what is known so far."""
    print(json.dumps(result), flush=True)


def _say(text: str) -> None:
    print(f"gpu: {text}", file=sys.stderr, flush=True)


def _configure(folder: Path, **changes: Any) -> None:
    import yaml

    file = folder / "config.yaml"
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | changes
    file.write_text(yaml.safe_dump(config))


# ---------------------------------------------------------------- Snakemake, watched


class _Watch:
    """One run of Snakemake: its jobs and seconds by stage, read from what it prints."""

    def __init__(self, folder: Path, arguments: argparse.Namespace) -> None:
        self.folder, self.arguments = folder, arguments
        self.stages: dict[str, Result] = {}
        self.rules: dict[str, Result] = {}
        self.started: dict[str, tuple[str, float]] = {}
        self.said: list[str] = []
        self.rule = ""

    def run(self) -> Iterator[Result]:
        cores = str(len(os.sched_getaffinity(0)))
        command = [sys.executable, "-m", "snakemake", "--cores", cores, "--quiet", "host"]
        command += ["--workflow-profile", "workflow/profiles/gpu"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout
        for line in process.stdout:
            self.said.append(line)
            if self.note(line, time.perf_counter() - start):
                yield self.result(time.perf_counter() - start)
        code = process.wait()
        seconds = time.perf_counter() - start
        found = self.result(seconds) | _judged("seconds", seconds, FULL_SECONDS)
        if code:
            ended = f"failed: snakemake ended with {code}"
            found |= {"met": False, "said": self.said[-40:], "ended": ended}
        yield found

    def note(self, line: str, now: float) -> bool:
        """Note a job's start or end; say whether one has ended."""
        if found := re.match(r"(?:local)?rule (\w+):", line):
            self.rule = found[1]
        elif found := re.match(r"\s+jobid: (\d+)", line):
            self.started[found[1]] = (self.rule, now)
        elif (found := re.match(r"Finished jobid: (\d+)", line)) and found[1] in self.started:
            rule, start = self.started.pop(found[1])
            stage = rule.split("_")[0]
            for table, name in ((self.stages, stage), (self.rules, rule)):
                row = table.setdefault(
                    name, {"jobs": 0, "job_seconds": 0.0, "first": start, "last": now}
                )
                row["jobs"] += 1
                row["job_seconds"] += now - start
                row["first"], row["last"] = min(row["first"], start), now
            return True
        return False

    def result(self, seconds: float) -> Result:
        """`first` and `last` of a stage: seconds at which it began and ended."""
        return {"seconds": seconds, "stages": self.stages, "rules": self.rules}

    def keep(self) -> None:
        """Copy every table, run.json and scores.csv, and the report, whole or in part."""
        out = self.arguments.out / "full"
        out.mkdir(parents=True, exist_ok=True)
        (out / "snakemake.log").write_text("".join(self.said))
        for results in (self.folder / "results").glob("*"):
            for table in results.glob("*.csv"):
                shutil.copy2(table, out)
            kept = [*results.glob("**/run.json"), *results.glob("**/scores.csv")]
            with open(out / "runs.jsonl", "w", encoding="utf-8") as file:
                for path in sorted(kept):
                    facts = {"path": str(path.relative_to(results)), "text": path.read_text()}
                    file.write(json.dumps(facts) + "\n")
        for page in (self.folder / "reports").glob("*/report.md"):
            shutil.copy2(page, out)
        for page in (self.folder / "reports").glob("*/index.html"):
            shutil.copy2(page, out)


# ---------------------------------------------------------------- one process a part


def main() -> None:
    """Run from the command line."""
    arguments = _arguments()
    if arguments.child:
        return _child(arguments)
    _require_device(arguments.device)
    start = time.monotonic()
    record: Result = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": {k: str(v) for k, v in vars(arguments).items() if v is not None},
        "parts": {},
    }
    for name in arguments.parts:
        left = arguments.minutes * 60 - ENDING - (time.monotonic() - start)
        limit = min(LIMITS[name], left)
        if limit < 1:
            record["parts"][name] = {"state": "left out: the time is over"}
        else:
            _say(f"{name}, at most {limit:.0f} s ...")
            record["parts"][name] = _measure(name, limit, arguments.smoke)
        _say(f"{name}: {record['parts'][name]['state']}")
        record["seconds"] = time.monotonic() - start
        _write(arguments.out / "gpu.json", record)
    _say(f"{arguments.out}/gpu.json, {record['seconds']:.0f} s")
    return None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("gpu-results"))
    parser.add_argument("--parts", type=_names, default=list(PARTS), help=",".join(PARTS))
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--minutes", type=float, default=9, help="at most, all parts together")
    parser.add_argument("--pretraining-epochs", type=int, help="of hinton-2006; 50 in the paper")
    parser.add_argument("--hinton-epochs", type=int, help="of hinton-2006; 200 in the paper")
    few = ["mnist", "20newsgroups", "reuters-r52"]  # all of them take longer than minutes
    parser.add_argument("--datasets", type=_words, default=few, help="of the part full")
    parser.add_argument("--variants", type=_words, help="of the part full; all by default")
    parser.add_argument("--smoke", action="store_true", help="tiny, on a CPU: does it run?")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    found = parser.parse_args()
    found.out = found.out.resolve()
    defaults = ("cpu", 1, 2) if found.smoke else ("cuda", 50, 200)
    for name, value in zip(
        ("device", "pretraining_epochs", "hinton_epochs"), defaults, strict=True
    ):
        if getattr(found, name) is None:
            setattr(found, name, value)
    return found


def _words(text: str) -> list[str]:
    return text.split(",")


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}; allowed are {', '.join(PARTS)}")
    return [name for name in PARTS if name in names]


def _require_device(device: str) -> None:
    from aebench.errors import AebenchError
    from aebench.training import device as devices

    try:
        devices.resolve(device)
    except AebenchError as error:
        sys.exit(f"error: {error} --smoke measures nothing but runs everything on a CPU.")


def _measure(name: str, limit: float, smoke: bool) -> Result:
    """Run a part in a process group of its own and take the last thing it handed over."""
    command = [sys.executable, __file__, *sys.argv[1:], "--child", name]
    environment = _environment() | ({"OMP_NUM_THREADS": "1"} if smoke else {})
    start = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    state = "done"
    try:
        said, _ = process.communicate(timeout=limit)
        if process.returncode:
            state = "failed"
    except subprocess.TimeoutExpired:
        state = f"stopped after {limit:.0f} s"
        said = _stop(process)
    found: Result = {}
    for line in said.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue  # what others print
    state = found.pop("ended", state)
    return {"state": state, "wall_seconds": time.monotonic() - start, **found}


def _stop(process: subprocess.Popen) -> str:
    """End a part and all it started; it has a few seconds to keep its results."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
            return process.communicate(timeout=ENDING / 2)[0]
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
    return process.communicate()[0]


def _environment() -> dict[str, str]:
    """The environment with absolute paths, because Snakemake runs in another folder."""
    found = dict(os.environ)
    for name in ("AEBENCH_CACHE", "AEBENCH_MIRROR"):
        if Path(found.get(name, "\0")).exists():
            found[name] = str(Path(found[name]).resolve())
    given = [path for path in found.get("PYTHONPATH", "").split(os.pathsep) if path]
    own = [SOURCE] if SOURCE in sys.path else []
    if own or given:
        paths = [*own, *(str(Path(path).resolve()) for path in given)]
        found["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    return found


def _child(arguments: argparse.Namespace) -> None:
    """Measure one part, or say in a word why not; `finally` blocks run when it is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    result: Result = {}
    try:
        for result in PARTS[arguments.child](arguments):
            _hand_over(result)
    except SkippedError as error:
        _hand_over({"ended": f"skipped: {error}"})
    except Exception as error:  # its own result says so, and the other parts go on
        _hand_over({**result, "ended": f"failed: {type(error).__name__}: {error}"})


def _write(path: Path, record: Result) -> None:
    from aebench.files import write_text

    write_text(path, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
