"""A small text-to-image pipeline in random weights: ``python -m ...random_pipeline FOLDER``.

It is made of configs alone, offline, in the format of diffusers that Stable Diffusion has too. To
learn anything it must be trained whole (``victim.rank=null``) first.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

from taggant.extras import library

SPECIAL = ("<|startoftext|>", "<|endoftext|>")
CONTEXT = 77


def write(folder: Path, width: int = 32, words: int = 32, seed: int = 0) -> None:
    """Write a pipeline.

    Parameters
    ----------
    folder : Path
        Is made.
    width : int
        Channels of U-Net and VAE, a multiple of 8.
    words : int
        Of the text encoder, a multiple of 4.
    seed : int
        Of the weights.
    """
    transformers: Any = library("transformers", "a text-to-image pipeline")
    table = vocabulary(folder / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = transformers.CLIPTextConfig(
            vocab_size=len(table),
            hidden_size=words,
            intermediate_size=2 * words,
            projection_dim=words,
            num_hidden_layers=1,
            num_attention_heads=4,
            max_position_embeddings=CONTEXT,
            bos_token_id=table[SPECIAL[0]],
            eos_token_id=table[SPECIAL[1]],
            pad_token_id=table[SPECIAL[1]],
        )
        text = transformers.CLIPTextModel(config)
        net: Any = UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            layers_per_block=1,
            block_out_channels=(width, 2 * width),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=words,
            attention_head_dim=8,
            norm_num_groups=8,
        )
        vae: Any = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(width, width),
            latent_channels=4,
            norm_num_groups=8,
            scaling_factor=1.0,
        )
    schedule: Any = DDPMScheduler(beta_schedule="scaled_linear", clip_sample=False)
    text.save_pretrained(folder / "text_encoder")
    net.save_pretrained(folder / "unet")
    vae.save_pretrained(folder / "vae")
    schedule.save_pretrained(folder / "scheduler")


def vocabulary(folder: Path) -> dict[str, int]:
    """Write the files of a tokenizer of CLIP's kind that spells every word; its table."""
    letters = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + i) for i in range(256 - len(letters))]
    table = {piece: i for i, piece in enumerate([*letters, *(f"{one}</w>" for one in letters)])}
    table |= {piece: len(table) + i for i, piece in enumerate(SPECIAL)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(table))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    facts = {"model_max_length": CONTEXT, "bos_token": SPECIAL[0], "eos_token": SPECIAL[1]}
    facts |= {"unk_token": SPECIAL[1], "pad_token": SPECIAL[1]}
    (folder / "tokenizer_config.json").write_text(json.dumps(facts))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m taggant.victim.generative.random_pipeline", description=__doc__
    )
    parser.add_argument("folder", type=Path)
    write(parser.parse_args(arguments).folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
