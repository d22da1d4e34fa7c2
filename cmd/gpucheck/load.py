#!/usr/bin/env python3
"""Work for a GPU, at known times: the load that gpucheck measures against.

  load.py bursts --count 40   bursts of 5, 20, 50 and 200 ms at random gaps; a JSON line each, when it is over
  load.py steady              constant work, until standard input ends
  load.py loop                a fixed inference loop: for each line of standard input, as many seconds as it
                              says, and a JSON line with the latencies

The first line of JSON says that all is prepared. Needs torch with CUDA. Times are Unix nanoseconds of the host's
clock.
"""
import argparse
import json
import random
import select
import statistics
import sys
import time

try:
    import torch
except ImportError:
    sys.exit("load.py: torch is missing: pip install torch")
if not torch.cuda.is_available():
    sys.exit("load.py: torch sees no CUDA device")


def say(**fields):
    print(json.dumps(fields), flush=True)


class Kernel:
    """A matrix product whose duration has been measured."""

    def __init__(self, size):
        self.a = torch.randn(size, size, device="cuda", dtype=torch.float16)
        self.out = torch.empty_like(self.a)
        self.run(50)
        torch.cuda.synchronize()
        start = time.perf_counter()
        self.run(200)
        torch.cuda.synchronize()
        self.seconds = (time.perf_counter() - start) / 200

    def run(self, times):
        for _ in range(times):
            torch.matmul(self.a, self.a, out=self.out)


def bursts(args):
    kernel = Kernel(2048)
    rng = random.Random(args.seed)
    lengths = [int(x) for x in args.lengths.split(",")] * args.count
    rng.shuffle(lengths)
    time.sleep(1)  # until what the kernel's own measurement did is over
    say(kernel_seconds=kernel.seconds, idle_from=time.time_ns())
    time.sleep(2)
    for ms in lengths:
        time.sleep(rng.uniform(0.5, 1.5) * args.gap)
        times = max(1, round(ms / 1000 / kernel.seconds))
        torch.cuda.synchronize()
        start = time.time_ns()
        kernel.run(times)
        torch.cuda.synchronize()
        say(start=start, end=time.time_ns(), length_ms=ms)
    time.sleep(2)


def steady(args):
    kernel = Kernel(4096)
    say(kernel_seconds=kernel.seconds)
    while not select.select([sys.stdin], [], [], 0)[0]:
        kernel.run(20)
        torch.cuda.synchronize()


def loop(args):
    """A decoder's shape: many small products, one after the other, and a wait for the last."""
    weights = [torch.randn(1024, 1024, device="cuda", dtype=torch.float16) for _ in range(48)]
    x = torch.randn(8, 1024, device="cuda", dtype=torch.float16)

    def step():
        y = x
        for w in weights:
            y = torch.relu(y @ w) * 0.03
        torch.cuda.synchronize()

    for _ in range(200):
        step()
    say(ready=True)
    for line in sys.stdin:
        latencies = []
        end = time.monotonic() + float(line)
        while time.monotonic() < end:
            start = time.perf_counter()
            step()
            latencies.append(time.perf_counter() - start)
        latencies.sort()
        say(steps=len(latencies), mean_seconds=statistics.fmean(latencies), p50_seconds=latencies[len(latencies) // 2],
            p99_seconds=latencies[len(latencies) * 99 // 100])


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
commands = parser.add_subparsers(required=True)
one = commands.add_parser("bursts")
one.add_argument("--lengths", default="5,20,50,200")
one.add_argument("--count", type=int, default=40)
one.add_argument("--gap", type=float, default=1.4)
one.add_argument("--seed", type=int, default=1)
one.set_defaults(run=bursts)
for name, run in (("steady", steady), ("loop", loop)):
    commands.add_parser(name).set_defaults(run=run)
arguments = parser.parse_args()
arguments.run(arguments)
