"""Text-to-image pipelines as victims: fine-tuned on images and their captions, or one prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from taggant.data.imageset import ImageSet
from taggant.extras import library
from taggant.victim.generative.denoiser import STEPS, Denoiser

PARTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")
"""Folders of a pipeline, as diffusers writes them."""
ATTENTION = ("to_k", "to_q", "to_v", "to_out.0")
"""Layers that low-rank adapters are added to."""
ROWS = 32


class TextToImage(Denoiser):
    """A latent diffusion model given a text (Stable Diffusion's parts), fine-tuned.

    Its answer to an image is the mean of the VAE's latents. VAE and text encoder stay as they are.
    What is saved is what was trained; the rest comes from the folder that it started from.

    Parameters
    ----------
    pretrained : str
        Folder of a pipeline in diffusers' format, weights in safetensors. Its parts are opened as
        what they are expected to be: no class that a file there names is imported.
    rank : int, optional
        Of low-rank adapters (LoRA) at the attention layers; None trains the whole U-Net.
    prompt : str, optional
        The text of all images (as in DreamBooth, there of one subject); None takes captions.
    samples : int
        Images that are sampled at each snapshot, for the history.
    channels, image_size, classes : int
        Facts of the data; classes do not matter.
    mean, std : sequence of float
        Play no part: pixels become -1 to 1.
    **training
        See `Denoiser`.

    Raises
    ------
    ValueError
        For a folder without such parts, a model that predicts something else than noise, a rank
        below 1, or images that have no three channels.

    Notes
    -----
    Source: Hu et al., "LoRA" (2022); Ruiz et al., "DreamBooth" (2023), here without images of the
    subject's kind beside.
    """

    def __init__(
        self,
        pretrained: str,
        rank: int | None,
        prompt: str | None,
        samples: int,
        channels: int,
        image_size: int,
        classes: int = 0,
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
        **training: Any,
    ) -> None:
        if channels != 3:
            raise ValueError(f"text-to-image models take 3 channels, the data have {channels}")
        if rank is not None and rank < 1:
            raise ValueError(f"victim.rank = {rank}: accepted are 1, 2, 3, ... and null")
        schedule, text, tokenizer, net, vae = opened(Path(pretrained))
        factor = 2 ** (len(vae.config.block_out_channels) - 1)
        side = image_size // factor
        least = 2 ** (len(net.config.block_out_channels) - 1)
        if image_size % factor or side % least:
            raise ValueError(
                f"data.size = {image_size}: this pipeline takes multiples of {factor * least}"
            )
        super().__init__(schedule, (vae.config.latent_channels, side, side), samples, 3, **training)
        self.vae: Any = vae.requires_grad_(False)
        self.text: Any = text.requires_grad_(False)
        self.net: Any = net if rank is None else adapted(net, rank)
        self.tokenizer, self.prompt = tokenizer, prompt

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, 3, H, W], 0..255 -> mean latents [B, L, h, w]."""
        mean: Tensor = self.vae.encode(self.pixels(images)).latent_dist.mean
        return mean.mul(self.vae.config.scaling_factor)

    @torch.no_grad()
    def targets(self, data: ImageSet) -> Tensor:
        """Texts as the text encoder reads them, float32 [N, T, D] on the CPU.

        Raises
        ------
        ValueError
            For a set without captions, where they are needed.
        """
        texts = data.captions if self.prompt is None else [self.prompt] * len(data)
        if texts is None:
            raise ValueError(f"{data.name} has no captions: accepted is a victim.prompt for all")
        length = min(self.tokenizer.model_max_length, self.text.config.max_position_embeddings)
        tokens = self.tokenizer(
            list(texts),
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        parts = [self.text(part.to(self.device))[0].float().cpu() for part in tokens.split(ROWS)]
        return torch.cat(parts)

    def noise(self, noisy: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """See `Denoiser.noise`."""
        found: Tensor = self.net(noisy, timesteps, encoder_hidden_states=condition).sample
        return found

    def decode(self, latents: Tensor) -> Tensor:
        """See `Denoiser.decode`."""
        shown: Tensor = self.vae.decode(latents / self.vae.config.scaling_factor).sample
        return super().decode(shown)

    def state_dict(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        """Weights that were trained, by name."""
        trained = {name for name, weight in self.named_parameters() if weight.requires_grad}
        whole: dict[str, Any] = super().state_dict(**options)
        return {name: weight for name, weight in whole.items() if name in trained}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take over weights that were trained; all of them, where `strict`."""
        mine = set(self.state_dict())
        if strict and mine != set(state_dict):
            odd = sorted(mine ^ set(state_dict))
            raise RuntimeError(f"other weights than those that are trained here: {odd[0]}, ...")
        return super().load_state_dict(state_dict, strict=False, assign=assign)


def opened(folder: Path) -> tuple[Any, nn.Module, Any, Any, Any]:
    """Schedule, text encoder, tokenizer, U-Net and VAE of a pipeline's folder.

    Raises
    ------
    ValueError
        If a part is missing or cannot be read, or if the U-Net predicts something else than noise.
    """
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        raise ValueError(
            f"victim.pretrained = {str(folder)!r}: no folder of a pipeline in diffusers' format, "
            f"it has no {missing[0]}/"
        )
    transformers: Any = library("transformers", "victim=text_to_image")
    here: dict[str, Any] = {"local_files_only": True}
    weights = {**here, "use_safetensors": True}
    try:
        schedule: Any = DDPMScheduler.from_pretrained(folder / "scheduler", **here)
        tokenizer = transformers.CLIPTokenizer.from_pretrained(folder / "tokenizer", **here)
        text = transformers.CLIPTextModel.from_pretrained(folder / "text_encoder", **weights)
        net: Any = UNet2DConditionModel.from_pretrained(folder / "unet", **weights)
        vae: Any = AutoencoderKL.from_pretrained(folder / "vae", **weights)
    except (OSError, KeyError, TypeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ValueError(f"victim.pretrained = {str(folder)!r}: {first}") from error
    kind, steps = schedule.config.prediction_type, schedule.config.num_train_timesteps
    if kind != "epsilon" or steps != STEPS:
        raise ValueError(
            f"victim.pretrained = {str(folder)!r} predicts {kind} over {steps} timesteps: accepted "
            f"are models that predict epsilon over {STEPS}"
        )
    return schedule, text, tokenizer, net, vae


def adapted(net: Any, rank: int) -> Any:
    """A U-Net with low-rank adapters, which alone are trained."""
    peft: Any = library("peft", "victim.rank")
    net.requires_grad_(False)
    net.add_adapter(
        peft.LoraConfig(
            r=rank,
            lora_alpha=rank,
            init_lora_weights="gaussian",
            target_modules=list(ATTENTION),
        )
    )
    return net
