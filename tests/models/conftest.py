"""One thread: the tests compare bits, and several of them run at once."""

import torch

torch.set_num_threads(1)
