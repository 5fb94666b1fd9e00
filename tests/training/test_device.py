"""Where training runs."""

import contextlib
import subprocess
import sys

import pytest
import torch

from aebench.errors import ParameterError
from aebench.training import device

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="PyTorch finds a GPU here")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU here")


def test_an_unknown_device_is_refused():
    with pytest.raises(ParameterError, match="device is 'tpu'; allowed are auto, cpu, cuda"):
        device.resolve("tpu")


def test_cuda_without_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match="'cuda', but PyTorch finds no usable GPU"):
        device.resolve("cuda")


@no_gpu
def test_auto_is_the_cpu_without_a_gpu():
    assert device.resolve("auto") == device.resolve("cpu") == torch.device("cpu")


@gpu
def test_auto_is_the_gpu_with_one():
    assert device.resolve("auto").type == device.resolve("cuda").type == "cuda"
    assert device.resolve("cpu").type == "cpu"
    assert device.describe(torch.device("cuda")) == torch.cuda.get_device_name()


def test_the_cpu_is_described_with_its_threads(monkeypatch):
    assert device.describe(torch.device("cpu")) == "cpu, 1 thread"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert device.describe(torch.device("cpu")) == "cpu, 2 threads"


@pytest.mark.parametrize("fails", [False, True])
def test_numbers_near_zero_are_flushed_only_inside(fails):
    """Left on, the setting would change the arithmetic of the whole process."""
    tiny = sys.float_info.min
    with contextlib.suppress(RuntimeError), device.denormals_flushed():
        assert tiny / 2 == 0
        with device.denormals_flushed():
            pass
        assert tiny / 2 == 0
        if fails:
            raise RuntimeError
    assert tiny / 2 > 0


def test_threads_can_be_set_again_and_after_work():
    """In a process of its own, because PyTorch lets inter-op threads be set once."""
    code = (
        "import torch; from aebench.training.device import use_threads\n"
        "use_threads(2); torch.ones(500, 500) @ torch.ones(500, 500); use_threads(1)\n"
        "print(torch.get_num_threads(), torch.get_num_interop_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.parametrize("precision", device.PRECISIONS)
def test_the_precision_of_products_is_set_for_a_while(precision, monkeypatch):
    monkeypatch.setattr(device, "medium_is_float32", lambda: False)
    before = torch.get_float32_matmul_precision()
    with device.products_in(precision):
        assert torch.get_float32_matmul_precision() == precision
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("precision", ["highest", "high"])
def test_whatever_is_used_products_are_float32_on_the_cpu(precision):
    a, b = torch.randn(300, 700), torch.randn(700, 200)
    exact = a.double() @ b.double()
    before = torch.get_float32_matmul_precision()
    with device.products_in(precision):
        used = torch.get_float32_matmul_precision()
        assert (a @ b - exact).norm() < device.FLOAT32_ERROR * exact.norm()
    assert used == ("medium" if device.medium_is_float32() else precision)
    assert torch.get_float32_matmul_precision() == before


def test_products_that_are_rounded_are_not_taken_for_exact(monkeypatch):
    device.medium_is_float32.cache_clear()
    multiply = torch.Tensor.__matmul__
    rounded = lambda a, b: multiply(a.bfloat16(), b.bfloat16()).to(a.dtype)  # noqa: E731
    try:
        with monkeypatch.context() as patch:
            patch.setattr(
                torch.Tensor,
                "__matmul__",
                lambda a, b: rounded(a, b) if a.dtype == torch.float32 else multiply(a, b),
            )
            assert not device.medium_is_float32()
    finally:
        device.medium_is_float32.cache_clear()
