"""A transformers image-classification pipeline: [{"label": "cat", "score": 0.9}, ...]."""

from taggant.score.contract import spread
from taggant.score.remote import Endpoint, png

CLASSES = ["cat", "dog", "horse"]  # id2label of the model's config.json, in its order


class Pipeline(Endpoint):
    def body(self, images):
        return {"inputs": png(images[0]), "parameters": {"top_k": len(CLASSES)}}

    def read(self, answer, count):
        shown = {one["label"]: one["score"] for one in answer}
        return super().read({"confidences": [spread(shown, CLASSES)]}, count)


model = Pipeline("http://localhost:8080/", classes=len(CLASSES), batch_size=1)
