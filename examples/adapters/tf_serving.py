"""TensorFlow Serving's REST API, and KServe v1: {"instances": ...} -> {"predictions": ...}."""

from taggant.models.preprocessing import squares
from taggant.score.remote import Endpoint

SIZE = 224  # side of the model's input
KEY = "confidences"  # or "logits", if the model ends before its softmax


class Serving(Endpoint):
    def body(self, images):
        pixels = squares(images, SIZE).permute(0, 2, 3, 1) / 255  # [B, height, width, 3] of 0..1
        return {"instances": pixels.tolist()}

    def read(self, answer, count):
        return super().read({KEY: answer["predictions"]}, count)


model = Serving("http://localhost:8501/v1/models/NAME:predict", classes=1000, batch_size=8)
