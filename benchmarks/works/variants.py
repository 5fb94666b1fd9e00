"""What the variants ask for, read from their files so that it is written in one place."""

import ast
import re
from pathlib import Path
from typing import Any

from aebench.errors import AebenchError

VARIANTS = Path(__file__).parents[2] / "workflow" / "variants"


def parameters(variant: str, kind: str) -> dict[str, Any]:
    """Return the estimator's parameters of a built-in variant for `images` or `documents`."""
    file = VARIANTS / f"{variant}.smk"
    found = re.search(rf"\b{kind}=(dict\(.*?\)),\n", file.read_text(encoding="utf-8"), re.DOTALL)
    if not found:
        raise AebenchError(f"{file} names no {kind}=dict(...).")
    call = ast.parse(found[1], mode="eval").body
    assert isinstance(call, ast.Call)
    return {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
