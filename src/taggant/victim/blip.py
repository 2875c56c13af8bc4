"""BLIP of transformers as a victim: an image encoder, and a decoder that writes its caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from taggant.answers import evaluating, padded
from taggant.data.imageset import ImageSet
from taggant.extras import library
from taggant.optim import adam, trained_parameters
from taggant.victim.tokens import Tokenizer, tokenizer
from taggant.victim.writing import PADDING, ROWS, Writing, per_caption

WORDS = "ViT-B-32"
"""open_clip's architecture whose tokenizer a small model has."""
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the pixels that BLIP's own weights were trained on."""


class Blip(Writing):
    """A captioner that is trained by the loss of writing captions alone.

    The image's answer is what its decoder looks at; what it is compared with is its caption, as
    tokens. Adam.

    Parameters
    ----------
    pretrained : str, optional
        Local folder of a ``BlipForConditionalGeneration`` with its tokenizer, weights in
        safetensors; it is opened as that, and nothing that its files name is imported. None makes a
        small model in random weights.
    text, vision : mapping
        Of the small model: ``text_config`` and ``vision_config`` of transformers' BLIP. Captions
        are cut into the ``vocab_size`` most frequent pieces; see `taggant.victim.tokens`.
    context : int
        Tokens of a caption at most.
    channels, image_size, classes : int
        Facts of the data; classes do not matter.
    mean, std : sequence of float
        Per channel, of pixel values / 255, of the training images; a model of a folder has those
        that BLIP was trained with.
    **training
        See `Victim`; ``momentum`` is Adam's first beta.

    Raises
    ------
    ValueError
        For images that have no three channels, or a folder that holds no such model.

    Notes
    -----
    Source: Li et al., "BLIP: Bootstrapping language-image pre-training" (2022), without its label
    smoothing.
    """

    against: ClassVar[str | None] = "captions"

    def __init__(
        self,
        pretrained: str | None,
        text: Mapping[str, Any],
        vision: Mapping[str, Any],
        context: int,
        channels: int,
        image_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        classes: int = 0,
        **training: Any,
    ) -> None:
        if channels != 3:
            raise ValueError(f"BLIP takes 3 channels, the data have {channels}")
        if pretrained is None:
            net = small(text, {**vision, "image_size": image_size}, context)
            words = tokenizer(WORDS, context, {"vocab_size": text["vocab_size"]})
        else:
            net, words = opened(Path(pretrained), context)
            mean, std = MEAN, STD
        size = int(net.config.vision_config.image_size)
        if size != image_size:
            raise ValueError(f"data.size = {image_size}: this BLIP takes {size}")
        super().__init__(mean=mean, std=std, **training)
        self.net, self.tokenizer = net, words

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, 3, H, W], 0..255 -> what the decoder looks at, [B, T, D]."""
        seen: Tensor = self.net.vision_model(pixel_values=self.pixels(images)).last_hidden_state
        return seen

    def targets(self, data: ImageSet) -> Tensor:
        """Captions as token numbers, int64 [N, context].

        Raises
        ------
        ValueError
            For a set without captions.
        """
        if data.captions is None:
            raise ValueError(f"{data.name} has no captions: a captioner needs them")
        return self.tokenizer(list(data.captions))

    def batch_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean loss of a token of the batch's captions, the mean over captions."""
        images, tokens = batch
        logits = self.decoded(self(images), tokens).transpose(1, 2)
        return per_caption(cross_entropy(logits, tokens[:, 1:], reduction="none"), tokens).mean()

    def decoded(self, seen: Tensor, tokens: Tensor) -> Tensor:
        """See `Writing.decoded`; float32."""
        logits: Tensor = self.net.text_decoder(
            input_ids=tokens,
            attention_mask=(tokens != PADDING).long(),
            encoder_hidden_states=seen,
        ).logits
        return logits[:, :-1].float()

    def optimizer(self, rate: float = 1.0) -> torch.optim.Optimizer:
        """Adam at `rate` times the learning rate."""
        weights = trained_parameters(self)
        return adam(weights, rate * self.lr, self.momentum, self.weight_decay)

    @torch.no_grad()
    def measures(self, data: ImageSet) -> dict[str, float]:
        """``utility``, what chance reaches, and ``caption_loss``: mean over held-out captions."""
        loss = float(self._losses(data, data).mean())
        return {"utility": self.utility(data), "utility_baseline": 0.5, "caption_loss": loss}

    def utility(self, data: ImageSet) -> float:
        """How often a held-out caption is likelier from its image than from the next one."""
        others = data.select([*range(1, len(data)), 0])
        return float((self._losses(data, data) < self._losses(others, data)).float().mean())

    def _losses(self, images: ImageSet, captions: ImageSet) -> Tensor:
        parts = padded(images.images, ROWS).split(ROWS)
        with evaluating(self), torch.no_grad():
            seen = torch.cat([self(part.to(self.device)) for part in parts])
        return self.captioning_loss(seen[: len(images)], self.targets(captions))


def small(text: Mapping[str, Any], vision: Mapping[str, Any], context: int) -> Any:
    """BLIP in random weights, of transformers' configs."""
    transformers: Any = library("transformers", "victim=blip")
    special = {"pad_token_id": PADDING, "bos_token_id": text["vocab_size"] - 2}
    special["eos_token_id"] = special["sep_token_id"] = text["vocab_size"] - 1
    words = {**text, **special, "max_position_embeddings": context}
    width = {"encoder_hidden_size": vision["hidden_size"]}
    config = transformers.BlipConfig(text_config={**words, **width}, vision_config=dict(vision))
    return transformers.BlipForConditionalGeneration(config)


def opened(folder: Path, context: int) -> tuple[Any, Tokenizer]:
    """A model and its tokenizer from a local folder.

    Raises
    ------
    ValueError
        If there is none, or its padding is not token 0.
    """
    transformers: Any = library("transformers", "victim=blip")
    key = f"victim.pretrained = {str(folder)!r}"
    if not folder.is_dir():
        raise ValueError(f"{key}: accepted is the local folder of a BlipForConditionalGeneration")
    here: dict[str, Any] = {"local_files_only": True}
    try:
        net = transformers.BlipForConditionalGeneration.from_pretrained(
            folder, use_safetensors=True, **here
        )
        pieces = transformers.BertTokenizerFast.from_pretrained(folder, **here)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{key}: {str(error).strip().partition(chr(10))[0]}") from error
    if pieces.pad_token_id != PADDING:
        raise ValueError(f"{key}: the padding is token {pieces.pad_token_id}, accepted is 0")

    def cut(captions: Sequence[str]) -> Tensor:
        options = {"padding": "max_length", "max_length": context, "truncation": True}
        found: Tensor = pieces(list(captions), return_tensors="pt", **options).input_ids
        return found

    return net, cut
