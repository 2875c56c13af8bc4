"""A Gradio app of an image and a label: its API takes a call, and streams what came of it."""

import json

from taggant.score.contract import spread
from taggant.score.remote import Endpoint, png

CLASSES = ["cat", "dog", "horse"]  # in the order of their numbers


class App(Endpoint):
    def body(self, images):
        picture = {"url": f"data:image/png;base64,{png(images[0])}"}
        return {"data": [{**picture, "meta": {"_type": "gradio.FileData"}}]}

    def ask(self, images):
        event = super().ask(images)["event_id"]
        return self.send(
            "GET", f"{self.url}/{event}", None, 0, lambda reply: reply.content.decode()
        )

    def read(self, answer, count):
        label = json.loads(answer.rpartition("event: complete\ndata: ")[2])[0]
        shown = {one["label"]: one["confidence"] for one in label["confidences"]}
        return super().read({"confidences": [spread(shown, CLASSES)]}, count)


# "Use via API" at the foot of the app tells the name at the end.
model = App("http://localhost:7860/gradio_api/call/predict", classes=len(CLASSES), batch_size=1)
