from __future__ import annotations

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from taggant.marking.quality import quality


def test_psnr_of_a_constant_change_is_the_textbook_value():
    raw = torch.full((2, 3, 16, 16), 100, dtype=torch.uint8)
    measured = quality(raw, raw + 10)
    assert measured.psnr == pytest.approx(28.1308, abs=1e-3)
    assert measured.linf == 10


def test_unchanged_images_are_perfect():
    raw = torch.randint(256, (2, 3, 16, 16), dtype=torch.uint8)
    measured = quality(raw, raw)
    assert (measured.psnr, measured.linf) == (pytest.approx(100), 0)
    assert measured.ssim == pytest.approx(1)


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (3, 1, 11, 40), (1, 3, 6, 8)])
def test_ssim_is_that_of_torchmetrics(shape):
    draw = torch.Generator().manual_seed(0)
    raw = torch.randint(256, shape, generator=draw, dtype=torch.uint8)
    change = torch.randint(-60, 61, shape, generator=draw)
    published = (raw + change).clamp(0, 255).to(torch.uint8)
    theirs = structural_similarity_index_measure(published.float(), raw.float(), data_range=255.0)
    assert quality(raw, published).ssim == pytest.approx(float(theirs), abs=1e-6)
