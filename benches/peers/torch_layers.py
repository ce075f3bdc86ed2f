"""Times torch on the cases of `fewave bench layers` (and `--step`) and prints the same CSV.

Needs `pip install torch`. Run with retained memory, as fewave's allocator does:
    MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456 \
        python benches/peers/torch_layers.py [threads] [quick] [--device cuda] [step [dense | layer-1]] > torch.csv
With `quick` one shape only. Both memory layouts are timed; a comparison takes the better one, each column on its own. Times are
the least of the repeats within 0.4 s, of five at least, after one to warm up, as in fewave; in ms. "backward" is a forward and a
backward pass with the gradients of the input and of all parameters. `step` times training steps of the demo's U-Net (width 32,
depth 3, 64x64, batch 16; relative L2 loss, fused AdamW, clipping) instead, eager; its memory is the growth of the process's
largest resident set, exact for the first case of a process only. On a GPU (`--device cuda[:i]`) the device is waited for at the
end of every repeat, cuDNN searches its algorithms beforehand and TF32 is off, as in fewave; `tf32` switches it on.
"""

import resource
import sys
import time

import torch
from torch import nn

DEVICE = sys.argv[sys.argv.index("--device") + 1] if "--device" in sys.argv else "cpu"
TF32 = "tf32" in sys.argv
QUICK, STEP = "quick" in sys.argv, "step" in sys.argv
THREADS = next((int(a) for a in sys.argv[1:] if a.isdigit()), 2)
CASES = [(8, 64, (64, 64)), (8, 64, (128, 128)), (16, 32, (64, 64)), (16, 64, (16, 16)), (2, 32, (32, 64, 64))]
BUDGET, REPEATS = (0.15, 2) if QUICK else (0.4, 5)
LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


def convolution(axes, *arguments, **settings):
    return (nn.Conv2d if axes == 2 else nn.Conv3d)(*arguments, **settings)


def dense(axes, s, t, k):
    return convolution(axes, s, t, k, padding=k // 2)


def one_way(axes, s, t, r, k, mixes):
    layers = [convolution(axes, s, r, 1, bias=False)]
    for axis in range(axes):
        side = tuple(k if a == axis else 1 for a in range(axes))
        padding = tuple(d // 2 for d in side)
        bias = axis == axes - 1 and not mixes
        layers.append(convolution(axes, r, r, side, padding=padding, groups=r, bias=bias))
    return nn.Sequential(*layers, *([convolution(axes, r, t, 1)] if mixes else []))


class Unet(nn.Module):
    """The demo's U-Net, any layer in its convolutions."""

    def __init__(self, layer, width=32, depth=3):
        super().__init__()
        pair = lambda s, t: nn.Sequential(layer(s, t), nn.GELU("tanh"), layer(t, t), nn.GELU("tanh"))
        widths = [width << level for level in range(depth + 1)]
        self.down = nn.ModuleList(pair(s, t) for s, t in zip([3, *widths], widths[:-1]))
        self.middle = pair(widths[-2], widths[-1])
        self.up = nn.ModuleList(pair(t + s, s) for s, t in zip(widths, widths[1:]))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        skips = []
        for block in self.down:
            skips.append(block(x))
            x = nn.functional.avg_pool2d(skips[-1], 2)
        x = self.middle(x)
        for block, skip in zip(reversed(self.up), reversed(skips)):
            x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2, mode="nearest"), skip], 1))
        return self.head(x)


def wait():
    if DEVICE != "cpu":
        torch.cuda.synchronize(DEVICE)


def least(work):
    work()
    wait()
    best, repeats, start = float("inf"), 0, time.perf_counter()
    while repeats < REPEATS or (time.perf_counter() - start < BUDGET and repeats < 500):
        one = time.perf_counter()
        work()
        wait()
        best = min(best, time.perf_counter() - one)
        repeats += 1
    return best * 1e3


def largest():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(side, name, batch, channels, size, kernel, forward, both, parameters, memory=""):
    shape = "x".join(map(str, size))
    print(f"{side},{name},{batch},{channels},{shape},{kernel},{THREADS},{DEVICE},{forward:.3f},{both:.3f},,,{parameters},{memory}",
          flush=True)


def layers():
    for kernel in (3, 5):
        for batch, channels, size in CASES[:1] if QUICK else CASES:
            axes = len(size)
            if axes == 3 and kernel == 5:
                continue
            for name, layer in (
                ("dense", dense(axes, channels, channels, kernel)),
                ("layer-1", one_way(axes, channels, channels, channels, kernel, True)),
                ("layer-1/2", one_way(axes, channels, channels, channels // 2, kernel, True)),
                ("filter-1", one_way(axes, channels, channels, channels, kernel, False)),
            ):
                for side, form in (("torch", torch.contiguous_format), ("torch-channels-last", LAYOUTS[axes])):
                    layer = layer.to(DEVICE, memory_format=form)
                    x = torch.randn(batch, channels, *size, device=DEVICE).to(memory_format=form).requires_grad_()
                    ones = torch.ones(batch, channels, *size, device=DEVICE).to(memory_format=form)

                    def forward():
                        with torch.no_grad():
                            layer(x)

                    def both():
                        layer.zero_grad(set_to_none=True)
                        x.grad = None
                        layer(x).backward(ones)

                    parameters = sum(p.numel() for p in layer.parameters())
                    show(side, name, batch, channels, size, kernel, least(forward), least(both), parameters)


def steps():
    batch, side, width, kernel = (2, 32, 8, 3) if QUICK else (16, 64, 32, 3)
    chosen = {
        "dense": lambda s, t: dense(2, s, t, kernel),
        "layer-1": lambda s, t: one_way(2, s, t, max(s, t), kernel, True),
    }
    for name, layer in chosen.items():
        if any(other in sys.argv for other in chosen) and name not in sys.argv:
            continue
        network = Unet(layer, width).to(DEVICE, memory_format=torch.channels_last)
        x, target = (torch.randn(batch, c, side, side, device=DEVICE).to(memory_format=torch.channels_last) for c in (3, 1))
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4, fused=True)
        before = largest()

        def forward():
            with torch.no_grad():
                network(x)

        def step():
            optimiser.zero_grad(set_to_none=True)
            difference = (network(x) - target).flatten(1).square().sum(1)
            (difference / target.flatten(1).square().sum(1)).sqrt().mean().backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()

        parameters = sum(p.numel() for p in network.parameters())
        both = least(step)
        memory = f"{largest() - before:.1f}"
        show("torch-channels-last", f"step-{name}", batch, width, (side, side), kernel, least(forward), both, parameters, memory)


torch.set_num_threads(THREADS)
if DEVICE != "cpu":
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = TF32
print("side,layer,batch,channels,map,kernel,threads,device,forward_ms,backward_ms,forward_share,backward_share,parameters,peak_mib")
steps() if STEP else layers()
