"""Joins CSV files of `fewave bench layers` and of torch into benches/results/DATE-MACHINE/layers.{csv,md}.

    python benches/peers/join_layers.py benches/results/2026-11-23-zen5 fewave.csv torch.csv [more.csv ...]
All files must come from one session on one machine, with one number of threads. A ratio is the peer's time over fewave's, so
that above 1 fewave is faster: torch in its better layout, column by column; torch's dense layer of the same maps for factorised
layers; candle's own operations. The tables replace what follows the line `<!-- table -->` in layers.md; the text above it is
written by hand.
"""

import csv
import sys
from pathlib import Path

MARK = "<!-- table -->"
TIMES = ("forward_ms", "backward_ms")


def best(rows, key, side, layer=None):
    """The least of each column, over a peer's rows of these maps, or None."""
    name, *maps = key
    found = [r for r in rows if r["side"].startswith(side) and key_of(r) == (layer or name, *maps)]
    return [min(float(r[t]) for r in found) for t in TIMES] if found else None


def key_of(row):
    return tuple(row[c] for c in ("layer", "batch", "channels", "map", "kernel", "threads"))


def ratio(peer, own):
    return "" if peer is None else " / ".join(f"{p / o:.2f}" for p, o in zip(peer, own))


def percent(value):
    return f"{100 * float(value):.0f}" if value else "–"


def main():
    folder, rows = Path(sys.argv[1]), []
    for name in sys.argv[2:]:
        with open(name) as file:
            rows += csv.DictReader(file)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "layers.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    head = ["layer", "batch × channels × map", "k", "fewave ms", "% of peak", "MiB", "torch ms", "torch / fewave",
            "torch dense / fewave", "candle / fewave"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        if row["side"] != "fewave":
            continue
        key, own = key_of(row), [float(row[t]) for t in TIMES]
        name, batch, channels, maps, kernel, _ = key
        torch = best(rows, key, "torch")
        whole = None if "dense" in name else best(rows, key, "torch", "step-dense" if "step" in name else "dense")
        lines.append("| " + " | ".join([
            name, f"{batch} × {channels} × {maps}", kernel, " / ".join(f"{t:.2f}" for t in own),
            f"{percent(row['forward_share'])} / {percent(row['backward_share'])}", row["peak_mib"],
            " / ".join(f"{t:.2f}" for t in torch) if torch else "", f"**{ratio(torch, own)}**" if torch else "",
            ratio(whole, own), ratio(best(rows, key, "candle"), own)]) + " |")
    page = folder / "layers.md"
    text = page.read_text().split(MARK)[0] if page.exists() else ""
    page.write_text(text + MARK + "\n\n" + "\n".join(lines) + "\n")


main()
