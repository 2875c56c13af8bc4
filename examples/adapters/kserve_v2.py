"""KServe v2, as Triton, MLServer and others speak it: tensors with name, shape and datatype."""

import torch

from taggant.models.preprocessing import IMAGENET, squares
from taggant.score.remote import Endpoint

SIZE, INPUT, OUTPUT, KEY = 224, "input", "output", "logits"  # GET v2/models/NAME tells the names
MEAN, STD = (torch.tensor(three).view(3, 1, 1) for three in IMAGENET)


class Triton(Endpoint):
    def body(self, images):
        pixels = (squares(images, SIZE) / 255 - MEAN) / STD
        tensor = {"name": INPUT, "shape": list(pixels.shape), "datatype": "FP32"}
        data = pixels.flatten().tolist()
        return {"inputs": [{**tensor, "data": data}], "outputs": [{"name": OUTPUT}]}

    def read(self, answer, count):
        found = next(one for one in answer["outputs"] if one["name"] == OUTPUT)
        return super().read({KEY: torch.tensor(found["data"]).view(found["shape"]).tolist()}, count)


model = Triton("http://localhost:8000/v2/models/NAME/infer", classes=1000, batch_size=8)
