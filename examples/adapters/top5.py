"""A server that names the few best classes of each picture: [{"cat": 0.9, "dog": 0.05}, ...]."""

from taggant.score.contract import spread
from taggant.score.remote import Endpoint

CLASSES = ["cat", "dog", "horse"]  # in the order of their numbers


class Top5(Endpoint):
    def read(self, answer, count):
        rows = [spread(shown, CLASSES) for shown in answer]
        return super().read({"confidences": rows}, count)


model = Top5("http://localhost:8080/classify", classes=len(CLASSES), batch_size=32)
