"""Identity of a network: what its activations depend on beside weights, the same in every process, and its code."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from itbench.models.identity import code_identity, network_identity
from tests.kit.commands import ROOT


class Held(nn.Module):
    """Holds one value in a plain attribute."""

    def __init__(self, value):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.value = value


class Plain:
    def __init__(self, value):
        self.value = value
        self.again = self  # a circle


def module_of(value):
    made = nn.Linear(1, 1, bias=False)
    nn.init.constant_(made.weight, value)
    return made


def closure(value):
    return lambda x: x + value


@pytest.mark.parametrize(
    "make",
    [
        lambda value: value,
        float,
        str,
        lambda value: torch.tensor([1.0, value]),
        lambda value: torch.tensor([1.0, value], dtype=torch.bfloat16),
        lambda value: torch.tensor([1.0, value + 1j]),
        lambda value: torch.tensor([0.0, value]).to_sparse(),
        lambda value: np.array([value]),
        lambda value: [{"a": (torch.tensor(value),)}],
        lambda value: {1: value, "b": None},
        lambda value: {value, "c"},
        Plain,
        lambda value: [module_of(value)],
        closure,
        lambda value: nn.ReLU if value == 1 else nn.GELU,
        lambda value: torch.relu if value == 1 else torch.tanh,
    ],
)
def test_any_value_that_a_module_holds_is_in_the_state(make):
    one, same, other = (network_identity(Held(make(value))) for value in (1, 1, 2))
    assert one == same
    assert one["state"] != other["state"]
    assert one["weights"] == other["weights"]


def test_a_buffer_that_is_not_saved_is_in_the_state():
    def with_buffer(value):
        made = nn.Sequential(nn.ReLU())
        made.register_buffer("bank", torch.tensor([value]), persistent=False)
        return network_identity(made)

    assert with_buffer(1.0) == with_buffer(1.0)
    assert with_buffer(1.0)["state"] != with_buffer(2.0)["state"]


def test_a_tensor_in_a_module_of_a_library_is_in_the_state_and_its_numbers_are_not():
    plain, number, tensor = nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU())
    number[0].cached = 3
    tensor[0].bank = torch.ones(2)
    assert network_identity(number) == network_identity(plain)
    assert "state" not in network_identity(plain)
    assert "state" in network_identity(tensor)


def test_training_mode_and_hooks_are_not_in_the_state():
    held = Held(1)
    before = network_identity(held)
    held.train().register_forward_hook(lambda *_: None)
    assert network_identity(held) == before


@pytest.mark.slow
def test_the_identity_is_the_same_in_another_process(tmp_path):
    (tmp_path / "held.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Other:\n    pass\n\n\nclass Held(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.names = {'a', 'b', 'c', 'd', 'e'}\n"
        "        self.other, self.kind, self.act = Other(), nn.ReLU, torch.relu\n        self.add = lambda x: x + 1\n"
    )
    code = "from held import Held\nfrom itbench.models.identity import *\nprint(network_identity(Held()))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert "state" in found.pop()


def test_code_of_libraries_is_not_digested_and_that_of_others_is():
    assert code_identity(nn.Sequential(nn.ReLU())) == {}
    assert set(code_identity(Held(1))) == {"code"}
