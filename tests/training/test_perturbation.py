"""Corruption, noise and shifts: the asked shares, and a stream for each seed."""

import numpy as np
import pytest
import torch

from aebench.training.perturbation import Perturbation, corrupt, shifted
from aebench.training.seeds import stream

CPU = torch.device("cpu")


def generators(*seeds):
    return [stream(seed, "test") for seed in seeds]


def images(n_seeds=2, n=400, features=100, seed=0):
    return torch.rand((n_seeds, n, features), generator=torch.Generator().manual_seed(seed)) + 0.1


def draw(perturbation, seeds, clean):
    """Batch, target and noise after one step of these seeds."""
    batch, target = clean.clone(), clean.clone()
    noise = perturbation.noise(len(seeds), clean.shape[1], CPU)
    perturbation(batch, target, noise, perturbation.generators(seeds, CPU, "fine-tuning"))
    return batch, target, noise


@pytest.mark.parametrize("level", [0.0, 0.25, 0.6, 1.0])
def test_masking_drops_the_asked_share_and_leaves_the_rest(level):
    clean = images()
    found = corrupt(clean.clone(), "masking", level, generators(0, 1))
    kept = found != 0
    assert float((~kept).double().mean()) == pytest.approx(level, abs=0.01)
    assert torch.equal(found[kept], clean[kept])


@pytest.mark.parametrize("level", [0.6, (0.4, 0.8)])
def test_dropout_keeps_the_mean(level):
    clean = images()
    found = corrupt(clean.clone(), "dropout", level, generators(0, 1))
    kept = found != 0
    assert float((~kept).double().mean()) == pytest.approx(0.6, abs=0.01)
    torch.testing.assert_close(found[kept], clean[kept] / 0.4)
    assert float(found.mean()) == pytest.approx(float(clean.mean()), rel=0.02)


def test_of_a_pair_of_levels_each_item_draws_its_own():
    dropped = corrupt(images(features=1000), "masking", (0.2, 0.8), generators(0, 1)) == 0
    shares = dropped.double().mean(-1)
    assert float(shares.min()) == pytest.approx(0.2, abs=0.05)
    assert float(shares.max()) == pytest.approx(0.8, abs=0.05)
    assert float(shares.std()) == pytest.approx(0.6 / 12**0.5, rel=0.1)


def test_salt_and_pepper_sets_equal_shares_to_0_and_1():
    clean = 0.2 + 0.5 * images()
    found = corrupt(clean.clone(), "salt-and-pepper", 0.3, generators(0, 1))
    for value in (0.0, 1.0):
        assert float((found == value).double().mean()) == pytest.approx(0.15, abs=0.01)
    kept = (found != 0) & (found != 1)
    assert torch.equal(found[kept], clean[kept])


def test_gaussian_noise_has_the_asked_spread():
    clean = images()
    added = corrupt(clean.clone(), "gaussian", 0.7, generators(0, 1)) - clean
    assert float(added.mean()) == pytest.approx(0, abs=0.01)
    assert float(added.std()) == pytest.approx(0.7, rel=0.01)


@pytest.mark.parametrize("kind", ["gaussian", "masking", "salt-and-pepper"])
def test_targets_stay_whole_and_inputs_do_not(kind):
    clean = images(n=10)
    batch, target, noise = draw(Perturbation(kind, 0.5), [0, 1], clean)
    assert torch.equal(target, clean)
    assert (batch != clean).double().mean() > 0.4
    assert noise is None


def test_words_that_do_not_occur_do_not_appear_by_masking():
    counts = torch.poisson(0.3 * torch.ones(2, 50, 60), generator=torch.Generator().manual_seed(0))
    found = corrupt(counts.clone(), "masking", 0.5, generators(0, 1))
    assert not (found[counts == 0] != 0).any()
    dropped = (found[counts > 0] == 0).double().mean()
    assert float(dropped) == pytest.approx(0.5, abs=0.05)


PERTURBATIONS = [
    Perturbation("gaussian", 0.3),
    Perturbation("masking", 0.3),
    Perturbation("dropout", (0.2, 0.5)),
    Perturbation("salt-and-pepper", 0.3),
    Perturbation(noise_width=5),
    Perturbation("masking", 0.3, noise_width=2, furthest_shift=2),
]


@pytest.mark.parametrize("perturbation", PERTURBATIONS)
def test_each_seed_draws_from_its_own_stream_whatever_the_others(perturbation):
    clean = images(1, n=20).expand(3, -1, -1)
    together = draw(perturbation, [3, 4, 5], clean)
    for place, seed in enumerate([3, 4, 5]):
        alone = draw(perturbation, [seed], clean[:1])
        for all_seeds, own in zip(together, alone, strict=True):
            assert own is None or torch.equal(all_seeds[place], own[0])
    differ = [found for found in together if found is not None and not torch.equal(found, clean)]
    assert differ
    assert not any(torch.equal(found[0], found[1]) for found in differ)


def test_every_step_draws_anew():
    perturbation, clean = Perturbation("masking", 0.5, noise_width=3), images(1, 8)
    own = perturbation.generators([0], CPU, "fine-tuning")
    noise, seen = perturbation.noise(1, 8, CPU), []
    for _ in range(2):
        batch = clean.clone()
        perturbation(batch, clean, noise, own)
        seen.append((batch, noise.clone()))
    assert not torch.equal(seen[0][0], seen[1][0])
    assert not torch.equal(seen[0][1], seen[1][1])


def test_noise_is_standard_normal():
    _, _, noise = draw(Perturbation(noise_width=40), [0], images(1, 1000, 3))
    assert noise.shape == (1, 1000, 40)
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, rel=0.02)


def test_nothing_is_drawn_where_nothing_is_asked_for():
    plain, clean = Perturbation(), images(n=4)
    assert not plain.changes_items
    assert plain.generators([0, 1], CPU, "fine-tuning") == []
    batch, target, noise = draw(plain, [0, 1], clean)
    assert torch.equal(batch, clean)
    assert torch.equal(target, clean)
    assert noise is None


# ---------------------------------------------------------------------- shifts


def rolled(image, dx, dy):
    """`image` moved to the right and down by numpy; what comes in is 0."""
    moved = np.roll(image, (dy, dx), axis=(0, 1))
    height, width = image.shape
    rows, columns = np.arange(height) - dy, np.arange(width) - dx
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    return np.where(inside, moved, 0)


def test_shifted_images_are_rolled_ones_with_zeros_coming_in():
    shifts = torch.tensor([[x, y] for x in range(-2, 3) for y in range(-2, 3)])
    clean = images(2, len(shifts), 36)
    found = shifted(clean, shifts.expand(2, -1, -1), 2)
    for seed in range(2):
        for image, moved, (dx, dy) in zip(clean[seed], found[seed], shifts.tolist(), strict=True):
            expected = rolled(image.view(6, 6).numpy(), dx, dy)
            np.testing.assert_array_equal(moved.view(6, 6).numpy(), expected)


def test_targets_are_the_inputs_moved_by_the_noise_each_shift_as_often():
    clean = images(1, 5000, 25)
    batch, target, noise = draw(Perturbation(noise_width=2, furthest_shift=1), [0], clean)
    assert torch.equal(batch, clean)
    assert torch.equal(target, shifted(clean, noise.long(), 1))
    places, times = noise[0].unique(dim=0, return_counts=True)
    assert places.tolist() == [[x, y] for x in (-1, 0, 1) for y in (-1, 0, 1)]
    np.testing.assert_allclose(times.numpy() / 5000, 1 / 9, atol=0.02)
