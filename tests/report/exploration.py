"""Results worth exploring: every variant has codes and reconstructions of its own."""

import json
import re

import numpy as np

from aebench import datasets
from aebench.report import explore, page
from aebench.report.results import read

from .conftest import CONFIG, ROLES, write_results

HOSTILE = "<script>alert(1)</script> </script> \"' & \u2028 {{ 7 * 7 }}"


def results_to_explore(folder, **options):
    """Return a results folder whose codes say a little about the class, each in its own way."""
    write_results(folder, **options)
    for facts in sorted(folder.glob("*/data.json")):
        data = datasets.read(facts.with_suffix(".npz"))
        for place, variant in enumerate(sorted(facts.parent.glob("*/"))):
            for run in sorted(variant.glob("d*/seed-*")):
                _own_codes(run, data, place, variant.name)
    excerpts = {str(place): f"{HOSTILE} {place}" for place in range(30)}
    if (folder / "20newsgroups").is_dir():
        (folder / "20newsgroups" / "excerpts.json").write_text(json.dumps(excerpts))
    return folder


def _own_codes(run, data, place, variant):
    size = int(run.parent.name[1:])
    random = np.random.default_rng([place, size, int(run.name[-1])])
    centres = 2 * random.normal(size=(1 + data.test_labels.max(), size))
    codes = centres[data.test_labels] + random.normal(size=(len(data.test_labels), size))
    codes = (codes * (variant != "mean")).astype(np.float32)
    np.savez(run / "codes.npz", train=codes, test=codes)
    if data.kind == "images":
        indices = np.unique(data.test_labels, return_index=True)[1]
        noise = 0.1 * (1 + place) * random.random((len(indices), data.test.shape[1]))
        made = (data.test[indices] + noise).astype(np.float32)
        np.savez(run / "samples.npz", indices=indices, reconstructions=made)


def results_of(folder):
    return read(folder, ROLES, CONFIG["code_sizes"])


def write_page(folder, *datasets_shown, path):
    """Write a page of nothing but the explorers, from the templates and scripts of the real one."""
    results = results_of(folder)
    sections = [
        {"anchor": f"data-{name}", "title": name, "explorer": explore.payload(results, name)}
        for name in datasets_shown
    ]
    templates = page.templates()
    shell = templates.from_string(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>explorers</title>'
        '<style>{{ asset("page.css") }}{{ asset("explore.css") }}</style><body><main><h1>Page</h1>'
        '<div style="height:2500px">above</div><h2>Data</h2>'
        '{% for section in sections %}{% include "explore.html" %}{% endfor %}</main>'
        '<script type="text/plain" id="ex-library">{{ library() }}</script>'
        '<script>{{ asset("explore.js") }}</script></body></html>'
    )
    path.write_text(shell.render(sections=sections), encoding="utf-8")
    return path


def payloads(html):
    """Read the payloads back out of a page, as a browser finds the ends of elements."""
    found = re.findall(r'<script type="application/json">(.*?)</script', html, re.S | re.I)
    return [json.loads(text) for text in found]
