"""The weights of a network are found wherever a training script put them, and none else."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest
import torch

from taggant.models.state_dict import NoFitError, find_state_dict


def network(depth: int = 2, classes: int = 3) -> torch.nn.Module:
    net = torch.nn.Sequential()
    net.stem = torch.nn.Conv2d(3, 4, 1)
    net.blocks = torch.nn.Sequential(
        *(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4)) for _ in range(depth))
    )
    net.fc = torch.nn.Linear(4, classes)
    return net


NET = network()
WANTED = NET.state_dict()
GENERATOR = torch.Generator().manual_seed(0)
SAVED = {
    name: torch.rand(tensor.shape, generator=GENERATOR) if tensor.ndim else tensor + 1
    for name, tensor in WANTED.items()
}
OTHER = {name: tensor + 2 for name, tensor in SAVED.items()}


def prefixed(prefix, tensors=SAVED):
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def check(found, tensors=SAVED):
    assert set(found.tensors) <= set(WANTED)
    fresh = network()
    assert not fresh.load_state_dict(found.tensors, strict=False).unexpected_keys
    for name, tensor in fresh.state_dict().items():
        assert torch.equal(tensor, tensors[name]), name


PREFIXES = [
    *("", "module.", "_orig_mod.", "model.", "net.", "backbone.", "module.encoder_q."),
    *("_orig_mod.module.model.", "module._orig_mod.", "student.net.", "a.b.c.d."),
]
NESTS = [
    *([], ["state_dict"], ["model"], ["net"], ["model_state_dict"], ["state_dict", "model"]),
    *(["ema"], ["state_dict_ema"], ["model_ema", "module"], ["anything", "you", "like"]),
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("nest", NESTS, ids=".".join)
def test_prefixes_and_nests_are_recognised(prefix, nest):
    loaded = OrderedDict(prefixed(prefix))
    for key in reversed(nest):
        loaded = {"epoch": 3, key: loaded, "optimizer": {"state": {0: {"m": torch.zeros(2)}}}}
    found = find_state_dict(loaded, WANTED)
    check(found)
    assert found.others == ()
    assert found.location.startswith("".join(f"{key}." for key in nest))


def test_wrappers_within_a_name_are_taken_off():
    inner = {name.replace("blocks.0.", "blocks.0._orig_mod."): t for name, t in SAVED.items()}
    check(find_state_dict({"state_dict": inner}, WANTED))
    fsdp = {f"_fsdp_wrapped_module.{name}": t for name, t in SAVED.items()}
    fsdp = {n.replace("fc.", "fc._checkpoint_wrapped_module."): t for n, t in fsdp.items()}
    check(find_state_dict(fsdp, WANTED))


@pytest.mark.parametrize("key", ["ema", "model_ema", "state_dict_ema", "ema.module", "swa_model"])
def test_of_several_the_averaged_ones_are_taken_and_the_others_told(key):
    averaged = prefixed("", OTHER)
    for part in reversed(key.split(".")):
        averaged = {part: averaged}
    found = find_state_dict({"state_dict": SAVED, **averaged}, WANTED)
    check(found, OTHER)
    assert found.others == ("state_dict.",)
    again = find_state_dict({**averaged, "state_dict": SAVED}, WANTED)
    assert (again.location, again.others) == (found.location, found.others)


def test_of_several_that_are_alike_the_first_is_taken():
    both = {**prefixed("module.encoder_q."), **prefixed("module.encoder_k.", OTHER)}
    found = find_state_dict({"state_dict": both, "copy": dict(both)}, WANTED)
    check(found)
    assert found.location == "state_dict.module.encoder_q."
    assert found.others == ("state_dict.module.encoder_k.", "copy.module.encoder_k.")
    assert find_state_dict({"a": SAVED, "b": copy.deepcopy(SAVED)}, WANTED).others == ()


def test_a_network_may_carry_its_own_average():
    found = find_state_dict({**SAVED, **prefixed("ema_model.", OTHER)}, WANTED)
    check(found, OTHER)
    assert found.others == ("",)


def test_tensors_beside_the_network_do_no_harm():
    beside = {"n_averaged": torch.tensor(3), "criterion.center": torch.zeros(5)}
    check(find_state_dict({**prefixed("module."), **beside}, WANTED))
    counted = {"blocks.0.total_ops": torch.zeros(1), "total_params": torch.zeros(1)}
    check(find_state_dict({**SAVED, **counted}, WANTED))
    uncounted = {n: t for n, t in SAVED.items() if not n.endswith("num_batches_tracked")}
    found = find_state_dict(uncounted, WANTED)
    assert set(found.tensors) == set(uncounted)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_deeper_network_is_not_taken_for_a_shallower_one(prefix):
    deeper = prefixed(prefix, network(depth=4).state_dict())
    with pytest.raises(NoFitError, match=r"has 12 tensors that .* not \(blocks.2.0.weight, .*arch"):
        find_state_dict(deeper, WANTED)
    shallower = prefixed(prefix, network(depth=1).state_dict())
    with pytest.raises(NoFitError, match=r"lacks 6 of its 16 tensors \(blocks.1.0.weight"):
        find_state_dict(shallower, WANTED)
    found = find_state_dict({"big": deeper, "small": prefixed(prefix)}, WANTED)
    check(found)


def test_other_shapes_are_named():
    with pytest.raises(
        NoFitError, match=r"other shapes: fc.weight \[5, 4\], not \[3, 4\], fc.bias"
    ):
        find_state_dict(network(classes=5).state_dict(), WANTED)


def test_what_an_encoder_is_asked_without_may_be_there():
    bare = {name: tensor for name, tensor in WANTED.items() if not name.startswith("fc.")}
    found = find_state_dict(prefixed("module."), bare, heads=("fc",))
    assert set(found.tensors) == set(bare)
    with pytest.raises(NoFitError, match=r"has 2 tensors that .*fc.weight, fc.bias"):
        find_state_dict(SAVED, bare)
    with pytest.raises(NoFitError, match=r"blocks\.2"):
        find_state_dict(network(depth=3).state_dict(), bare, heads=("fc",))


@pytest.mark.parametrize(
    "loaded",
    [torch.zeros(3), [SAVED], {"a": 1}, {"state_dict": {"b": "c"}}, None, {0: torch.ones(1)}],
)
def test_what_holds_no_weights_is_told(loaded):
    with pytest.raises(NoFitError, match="holds no state_dict"):
        find_state_dict(loaded, WANTED)


def test_other_names_are_shown():
    with pytest.raises(NoFitError, match=r"lacks 16 of its 16 .*; it has resnet.embedder.weight"):
        find_state_dict({"resnet.embedder.weight": torch.zeros(1)}, WANTED)
    split = {**prefixed("backbone."), "head.fc.weight": SAVED["fc.weight"]}
    del split["backbone.fc.weight"]
    with pytest.raises(NoFitError, match="its 16 tensors, but under different prefixes"):
        find_state_dict(split, WANTED)


def test_a_file_that_holds_itself_ends():
    loop: dict[str, object] = {"state_dict": {"a": torch.zeros(1)}}
    loop["again"] = loop
    with pytest.raises(NoFitError, match="lacks"):
        find_state_dict(loop, WANTED)
