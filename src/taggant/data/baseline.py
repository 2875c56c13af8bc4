"""What no learning at all reaches: nearest neighbours on raw pixels."""

from __future__ import annotations

import torch

from taggant.data.imageset import ImageSet

NEIGHBOURS = (1, 5, 10)
LARGEST_TRAIN, LARGEST_TEST = 10_000, 2_000


def knn_accuracy(train: ImageSet, test: ImageSet) -> float:
    """Best accuracy (0..1) over k in {1, 5, 10} of k-nearest neighbours in pixel space.

    At most the first 10,000 training and 2,000 test images are compared. Ties between classes go
    to the lower class number.
    """
    assert train.labels is not None
    assert test.labels is not None
    known = train.images[:LARGEST_TRAIN].flatten(1).float()
    asked = test.images[:LARGEST_TEST].flatten(1).float()
    nearest = torch.cdist(asked, known).topk(max(NEIGHBOURS), largest=False).indices
    votes = train.labels[:LARGEST_TRAIN][nearest]
    truth = test.labels[:LARGEST_TEST]
    return max(float((votes[:, :k].mode(dim=1).values == truth).float().mean()) for k in NEIGHBOURS)
