"""Times torch on the cases of surrogate/examples/bench_layers.rs and prints the same CSV.

Needs `pip install torch`. Run with retained memory, as the Rust side is:
    MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456 \
        python benches/peers/torch_layers.py [threads] [quick] [cpu] > torch.csv
Both memory layouts are timed; a comparison takes the better one. Times are the least of many repeats, in ms; "backward" is
a forward and a backward pass with the gradients of the input and of all parameters. With `cpu` they are processor time.
"""

import sys
import time

import torch
from torch import nn

CASES = [(8, 64, 64), (8, 64, 128), (16, 32, 64), (16, 32, 32), (16, 16, 64), (16, 16, 32), (16, 64, 16)]
BUDGET = 0.15 if "quick" in sys.argv else 0.7
CLOCK = time.process_time if "cpu" in sys.argv else time.perf_counter


def dense(c, k):
    return nn.Conv2d(c, c, k, padding=k // 2)


def one_way(c, r, k, last):
    layers = [
        nn.Conv2d(c, r, 1, bias=False),
        nn.Conv2d(r, r, (k, 1), padding=(k // 2, 0), groups=r, bias=False),
        nn.Conv2d(r, r, (1, k), padding=(0, k // 2), groups=r, bias=not last),
    ]
    return nn.Sequential(*layers, *([nn.Conv2d(r, c, 1)] if last else []))


def least(work):
    best, repeats, start = float("inf"), 0, CLOCK()
    while repeats < 5 or (CLOCK() - start < BUDGET and repeats < 200):
        one = CLOCK()
        work()
        best = min(best, CLOCK() - one)
        repeats += 1
    return best * 1e3


def main():
    torch.set_num_threads(next((int(a) for a in sys.argv[1:] if a.isdigit()), 2))
    print("side,layer,batch,channels,size,kernel,forward_ms,backward_ms")
    for batch, channels, size in CASES:
        for kernel in (3, 5):
            for name, layer in (
                ("dense", dense(channels, kernel)),
                ("layer-1", one_way(channels, channels, kernel, True)),
                ("layer-1/2", one_way(channels, channels // 2, kernel, True)),
                ("filter-1", one_way(channels, channels, kernel, False)),
            ):
                for side, form in (("torch", torch.contiguous_format), ("torch-channels-last", torch.channels_last)):
                    layer = layer.to(memory_format=form)
                    x = torch.randn(batch, channels, size, size).to(memory_format=form).requires_grad_()
                    ones = torch.ones(batch, channels, size, size).to(memory_format=form)

                    def forward():
                        with torch.no_grad():
                            layer(x)

                    def backward():
                        layer.zero_grad(set_to_none=True)
                        x.grad = None
                        layer(x).backward(ones)

                    times = f"{least(forward):.3f},{least(backward):.3f}"
                    print(f"{side},{name},{batch},{channels},{size},{kernel},{times}", flush=True)


main()
