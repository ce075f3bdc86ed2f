"""Joins the CSV files of `fewave bench solver` and of the peers into benches/results/DATE-MACHINE/solver.{csv,md}.

    python benches/peers/join_solver.py benches/results/2026-11-23-zen5 fewave.csv peers.csv
Both files must come from one session on one machine. A ratio is fewave's DoF-steps per second and thread over those of
scikit-fem with one thread on the same kind of problem: its assembled P1 loop at 251 001 degrees of freedom for every explicit
row, its SuperLU loop of about the same size for implicit ones. A single run of P1 with several threads is divided as a whole.
The table replaces what follows the line `<!-- table -->` in solver.md; the text above it is written by hand.
"""

import csv
import sys
from pathlib import Path

COLUMNS = ["case", "precision", "threads", "lanes", "dofs", "mdofs_per_second", "ns_per_dof_step", "bytes_per_dof_step",
           "operations_per_dof_step", "share_of_roofline", "ratio"]


MARK = "<!-- table -->"


def peer_rate(peers, row):
    if row["case"] != "p1-newmark":
        return next(float(p["mdofs_per_second"]) for p in peers if p["case"] == "p1-assembled" and p["dofs"] == "251001")
    implicit = [p for p in peers if p["case"] == "p1-newmark"]
    closest = min(implicit, key=lambda p: abs(int(p["dofs"]) - int(row["dofs"])))
    return float(closest["mdofs_per_second"])


def main():
    folder, ours_file, peers_file = (Path(a) for a in sys.argv[1:4])
    ours, peers = (list(csv.DictReader(open(f))) for f in (ours_file, peers_file))
    for row in ours:
        whole = row["case"] == "p1-assembled" or (row["case"] == "p1-newmark" and row["lanes"] == "1")
        threads = 1 if whole else int(row["threads"])
        row["ratio"] = f"{float(row['mdofs_per_second']) / threads / peer_rate(peers, row):.2f}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "solver.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["side", *COLUMNS], restval="")
        writer.writeheader()
        writer.writerows(ours + peers)
    head = ["case", "precision", "threads", "lanes", "DoF", "MDoF/s", "ns", "bytes", "flops", "of roofline", "× scikit-fem"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in ours:
        lines.append("| " + " | ".join(row.get(column) or "–" for column in COLUMNS) + " |")
    lines += ["", "| scikit-fem | DoF | MDoF/s | ns |", "|---|---|---|---|"]
    for row in peers:
        lines.append(f"| {row['case']} | {row['dofs']} | {row['mdofs_per_second']} | {row['ns_per_dof_step']} |")
    page = folder / "solver.md"
    text = page.read_text().split(MARK)[0] if page.exists() else ""
    page.write_text(text + MARK + "\n\n" + "\n".join(lines) + "\n")


main()
