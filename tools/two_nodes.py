"""Try sweeps and shards on several nodes: `python tools/two_nodes.py FOLDER [--launcher NAME]`.

With `ray` (the default; Linux, root and iproute2 are needed) a head and two nodes of a Ray cluster
run in network namespaces of this machine, each with an address of its own and nothing in common
but the file system. With `submitit_local` jobs are processes, started as Slurm would start them.

- A sweep of 8 jobs over one victim trains once.
- An audit in 4 shards equals, bit for bit, the one that was not split.
- The node on which a victim is being trained is killed (Ray) or the job preempted (submitit): the
  same command ends the work, and the weights are those of a training that nobody disturbed.

FOLDER gets store and runs, and is not removed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
NODES = {"taggant-head": "10.77.0.1", "taggant-one": "10.77.0.2", "taggant-two": "10.77.0.3"}
HEAD = "taggant-head"
ADDRESS = f"{NODES[HEAD]}:6379"
TINY = (
    "+experiment=smoke",
    "progress=false",
    "threads=1",
    "trainer=cpu",
    "marking.secret=simulated",
    "data.train=60",
    "data.test=20",
    "data.labels=category",
    "marking.n=20",
    "marking.used=12",
    "marking.unused=12",
    "victim.width=2",
    "victim.epochs=3",
    "victim.snapshots=2",
    "audit.p=0.1",
    "audit.batch_size=64",
    "audit.live=false",
)
EIGHT = ("score=margin,hinge", "audit.p=0.1,0.2", "audit/test=optimal,rank")
LONG = ("victim.epochs=400", "victim.snapshots=1", "audit.curve=null")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def within(node: str, command: list[str]) -> list[str]:
    """A command, in the network namespace of a node."""
    return ["ip", "netns", "exec", node, *command]


def pids(node: str) -> list[int]:
    """Processes of a node."""
    said = subprocess.run(["ip", "netns", "pids", node], capture_output=True, text=True, check=True)
    return [int(pid) for pid in said.stdout.split()]


def kill(node: str) -> None:
    """Kill all that runs on a node, at once."""
    for pid in pids(node):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Ray:
    """A Ray cluster in namespaces."""

    launcher = (
        "hydra/launcher=ray",
        f"hydra.launcher.ray.init.address={ADDRESS}",
        "+hydra.launcher.ray.init.object_store_memory=null",
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Ray:
        for node, address in NODES.items():
            ip("netns", "add", node)
            ip("-n", node, "link", "set", "lo", "up")
            if node == HEAD:
                ip("-n", node, "link", "add", "bridge", "type", "bridge")
                ip("-n", node, "addr", "add", f"{address}/24", "dev", "bridge")
                ip("-n", node, "link", "set", "bridge", "up")
                continue
            ip("-n", HEAD, "link", "add", node, "type", "veth", "peer", "eth0", "netns", node)
            ip("-n", HEAD, "link", "set", node, "master", "bridge", "up")
            ip("-n", node, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", node, "link", "set", "eth0", "up")
        for node in NODES:
            self.start(node)
        return self

    def start(self, node: str) -> None:
        """Start a node; the head takes no jobs."""
        joins = [f"--address={ADDRESS}", "--num-cpus=1"]
        if node == HEAD:
            place = f"--temp-dir={self.folder / 'ray'}"
            joins = ["--head", "--port=6379", "--num-cpus=0", "--include-dashboard=false", place]
        command = ["ray", "start", *joins, f"--node-ip-address={NODES[node]}"]
        more = ["--object-store-memory=100000000", "--disable-usage-stats"]
        run(within(node, [*command, *more]), self.folder)

    def __exit__(self, *_: object) -> None:
        for node in NODES:
            with contextlib.suppress(subprocess.CalledProcessError):
                kill(node)
                ip("netns", "del", node)

    def sweep(self, command: list[str]) -> list[str]:
        """A command as the user gives it: on the head."""
        return within(HEAD, [*command, *self.launcher])

    def disturb(self, pid: int) -> None:
        """Kill the node on which a process runs, and start it again."""
        node = next(node for node in NODES if pid in pids(node))
        print(f"killing {node}, which trains", flush=True)
        kill(node)
        self.start(node)


class Submitit:
    """Jobs as submitit starts them on Slurm, here as processes of this machine."""

    launcher = ("hydra/launcher=submitit_local",)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Submitit:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def sweep(self, command: list[str]) -> list[str]:
        """A command as the user gives it."""
        return [*command, *self.launcher]

    def disturb(self, pid: int) -> None:
        """Preempt a job, as Slurm does."""
        print("preempting the job that trains", flush=True)
        os.kill(pid, signal.SIGUSR2)


LAUNCHERS: dict[str, Callable[[Path], Ray | Submitit]] = {"ray": Ray, "submitit_local": Submitit}


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}


def run(command: list[str], folder: Path) -> None:
    """Run a command to its end; its output goes to FOLDER/output.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output.txt").open("a") as output:
        subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, stdout=output, stderr=output, check=True)


def experiment(folder: Path, *overrides: str, sweep: bool = True) -> list[str]:
    """The command line of a run or a sweep, with its store and results in a folder."""
    command = [sys.executable, "run.py", *(["-m"] if sweep else []), *TINY]
    return [*command, f"paths.root={folder}", *overrides]


def trained(folder: Path) -> int:
    """How many runs below a folder computed their victim, rather than finding it."""
    results = [json.loads(path.read_text()) for path in folder.glob("runs/**/result.json")]
    return sum(not result["stages"]["train"]["cached"] for result in results)


def readings(folder: Path) -> dict[str, bytes]:
    """Bits of every reading of all instances, by stage."""
    found = {}
    for facts in folder.glob("store/score/*/[!.]*/readings.json"):
        if json.loads(facts.read_text())["shard"] == [0, 1]:
            bits = facts.with_name("readings.safetensors").read_bytes()
            found[f"{facts.parents[1].name} {json.loads(facts.read_text())['width']}"] = bits
    return found


def weights(folder: Path) -> bytes:
    """Final weights of the one victim of a folder."""
    (path,) = folder.glob("store/train/[!.]*/final.safetensors")
    return path.read_bytes()


def trainer(sweep: subprocess.Popen[bytes], folder: Path) -> int:
    """The process that trains, once there is a checkpoint: it holds the stage's lock."""
    while not list(folder.glob("store/train/.*/resume.ckpt")):
        assert sweep.poll() is None, "the sweep ended before there was a checkpoint"
        time.sleep(0.05)
    (lock,) = folder.glob("store/.locks/train-*")
    inode = str(lock.stat().st_ino)
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return next(int(fields[4]) for fields in locks if fields[5].endswith(f":{inode}"))


def shared(nodes: Ray | Submitit, folder: Path) -> None:
    run(nodes.sweep(experiment(folder, *EIGHT)), folder)
    assert trained(folder) == 1, f"{trained(folder)} trainings"
    print("a sweep of 8 jobs over one victim: trained once", flush=True)


def split(nodes: Ray | Submitit, folder: Path, whole: Path) -> None:
    run(nodes.sweep(experiment(folder, "audit.shard=1/4,2/4,3/4,4/4")), folder)
    run(experiment(folder, sweep=False), folder)
    run(experiment(whole, sweep=False), whole)
    one, other = readings(folder), readings(whole)
    assert one, "no readings"
    assert one == other, "the shards say something else than the whole"
    print("an audit in 4 shards: equal bit for bit to the one that was not split", flush=True)


def disturbed(nodes: Ray | Submitit, folder: Path, undisturbed: Path) -> None:
    command = nodes.sweep(experiment(folder, *LONG, *EIGHT))
    with (folder / "output.txt").open("a") as output:
        sweep = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=output, stderr=output)
        nodes.disturb(trainer(sweep, folder))
        print(f"the sweep ended by itself with status {sweep.wait()}", flush=True)
    run(command, folder)
    run(experiment(undisturbed, *LONG, sweep=False), undisturbed)
    assert weights(folder) == weights(undisturbed), "other weights than undisturbed"
    print("disturbed while it trained: the same command ends the work, with equal weights")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--launcher", choices=LAUNCHERS, default="ray")
    options = parser.parse_args()
    places = {name: options.folder.absolute() / name for name in ("a", "b", "b-whole", "c", "d")}
    for place in places.values():
        place.mkdir(parents=True)
    with LAUNCHERS[options.launcher](places["a"]) as nodes:
        shared(nodes, places["a"])
        split(nodes, places["b"], places["b-whole"])
        disturbed(nodes, places["c"], places["d"])


if __name__ == "__main__":
    main()
