#!/bin/sh
# usage: dot_test.sh DOT_SAMPLE SCRATCH_DIRECTORY
# Graphviz accepts what to_dot writes, and finds the nodes and edges that were meant.
set -eu
. "$(dirname "$0")/../checks/script.sh"
sample=$1
scratch=$2

need dot
rm -rf "$scratch"
mkdir -p "$scratch"
"$sample" "$scratch/store" >"$scratch/graph.dot"
dot -Tplain "$scratch/graph.dot" >"$scratch/graph.txt" 2>"$scratch/errors.txt"
[ ! -s "$scratch/errors.txt" ] || { cat "$scratch/errors.txt"; exit 1; }
# 20 nodes; below the target and below "done" there is more, which one node each stands for. 19 inputs of the target are
# drawn, and the two dotted edges.
nodes=$(grep -c '^node ' "$scratch/graph.txt")
edges=$(grep -c '^edge ' "$scratch/graph.txt")
[ "$nodes" -eq 22 ] || complain "$nodes nodes"
[ "$edges" -eq 21 ] || complain "$edges edges"
verdict
