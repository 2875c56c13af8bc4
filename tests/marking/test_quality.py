from __future__ import annotations

import pytest
import torch

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
