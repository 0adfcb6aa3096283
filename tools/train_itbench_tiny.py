"""Train itbench-tiny on freshly drawn images and write its weights beside its plugin.

    python tools/train_itbench_tiny.py                 # twenty minutes on 2 cores
    python tools/train_itbench_tiny.py --images 512 --epochs 1 --output /tmp/try.safetensors

The classes are 64 kinds of object: 8 of each of the 8 categories. Object seeds 0 to 7 belong to synthetic-it and are
never drawn here. Training uses other exemplars of every kind than the held-out images do, and other backgrounds.
"""

from __future__ import annotations

import importlib.util
import time
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import torch
from numpy.typing import NDArray

from plugins.datasets.synthetic_it.drawing.objects import CATEGORIES, make_object
from plugins.datasets.synthetic_it.drawing.scene import draw, sample_view

PLUGIN = Path(__file__).resolve().parent.parent / "plugins" / "models" / "itbench_tiny.py"
KINDS = 8
TRAIN_EXEMPLARS, HELD_OUT_EXEMPLARS = range(1, 41), range(41, 51)  # 0 is the benchmark's
MARGIN = 8  # pixels drawn beyond what the network sees, for random crops


cached_object = lru_cache(maxsize=4096)(make_object)


def draw_one(index: int, exemplars: range, seed: int, pixels: int) -> tuple[NDArray[np.uint8], int]:
    """Draw image number `index` of a set and return it with its class."""
    rng = np.random.default_rng((seed, index))
    category, kind = int(rng.integers(len(CATEGORIES))), int(rng.integers(KINDS))
    solids = cached_object(CATEGORIES[category], kind + KINDS * int(rng.choice(exemplars)))
    return draw(solids, sample_view(rng), seed=int(rng.integers(2**62)), size=pixels), category * KINDS + kind


def draw_set(n: int, exemplars: range, seed: int, pixels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw `n` images (n, 3, y, x) uint8 and their classes, on all cores."""
    with ProcessPoolExecutor() as pool:
        drawn = list(pool.map(partial(draw_one, exemplars=exemplars, seed=seed, pixels=pixels), range(n), chunksize=64))
    images = torch.from_numpy(np.stack([image for image, _ in drawn]))
    return images.permute(0, 3, 1, 2), torch.tensor([label for _, label in drawn])


def augment(images: torch.Tensor, pixels: int, generator: torch.Generator) -> torch.Tensor:
    """Crop and mirror at random, one way for the whole batch, and scale as the plugin's preprocessing does."""
    top, left, mirror = (int(torch.randint(high, (1,), generator=generator)) for high in (MARGIN + 1, MARGIN + 1, 2))
    cropped = images[:, :, top : top + pixels, left : left + pixels]
    cropped = cropped.flip(3) if mirror else cropped
    contrast = 1 + 0.4 * (torch.rand(len(images), 1, 1, 1, generator=generator) - 0.5)
    scaled = (cropped.float() / 255 - 0.5) / 0.25 * contrast
    return scaled.contiguous(memory_format=torch.channels_last)


def accuracy(network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Return the shares of images whose kind, and whose category, is named right."""
    network.eval()
    with torch.inference_mode():
        scaled = (images[:, :, MARGIN // 2 : -MARGIN // 2, MARGIN // 2 : -MARGIN // 2].float() / 255 - 0.5) / 0.25
        named = torch.cat([network(batch).argmax(1) for batch in scaled.split(256)])
    network.train()
    return (named == labels).float().mean().item(), (named // KINDS == labels // KINDS).float().mean().item()


def load_plugin() -> ModuleType:
    """Import the plugin's file, which defines the network."""
    spec = importlib.util.spec_from_file_location("itbench_tiny", PLUGIN)
    if spec is None or spec.loader is None:
        raise ImportError(PLUGIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@click.command()
@click.option("--images", default=24_000, show_default=True, help="To train on.")
@click.option("--held-out", default=2_000, show_default=True, help="To test on.")
@click.option("--epochs", default=16, show_default=True)
@click.option("--batch", default=128, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--output", default=PLUGIN.with_suffix(".safetensors"), type=click.Path(path_type=Path))
def main(images: int, held_out: int, epochs: int, batch: int, seed: int, output: Path) -> None:
    """Train itbench-tiny and write its weights, in float16, with the accuracy on held-out images."""
    from safetensors.torch import save_file

    plugin = load_plugin()
    start = time.time()
    train, labels = draw_set(images, TRAIN_EXEMPLARS, 2 * seed, plugin.PIXELS + MARGIN)
    test, test_labels = draw_set(held_out, HELD_OUT_EXEMPLARS, 2 * seed + 1, plugin.PIXELS + MARGIN)
    click.echo(f"drew {images} + {held_out} images in {time.time() - start:.0f} s")
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = plugin.build().to(memory_format=torch.channels_last)
    steps = epochs * (images // batch)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps, pct_start=0.2)
    for epoch in range(epochs):
        order = torch.randperm(images, generator=generator)
        total = 0.0
        for rows in order[: images // batch * batch].split(batch):
            with torch.autocast("cpu", torch.bfloat16):
                named = network(augment(train[rows], plugin.PIXELS, generator))
            loss = torch.nn.functional.cross_entropy(named.float(), labels[rows], label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        kind, category = accuracy(network, test, test_labels)
        click.echo(
            f"epoch {epoch + 1}: loss {total / (images // batch):.3f}, held out: kind {kind:.3f}, "
            f"category {category:.3f} ({time.time() - start:.0f} s)"
        )
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in network.state_dict().items()
    }
    note = {"held_out_accuracy_kind": f"{kind:.3f}", "held_out_accuracy_category": f"{category:.3f}", "seed": str(seed)}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, output, metadata=note)
    click.echo(f"wrote {output} ({output.stat().st_size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
