#!/usr/bin/env bash
# Every row of suites/seeds.yaml on a machine with a GPU and a network: first what it will take, then the rows, then the
# table beside the scores. Started again, it resumes. Options are those of itbench run:
#   tools/run_seeds.sh --only 'pixels *'
set -euo pipefail
cd "$(dirname "$0")/.."
itbench=.venv/bin/itbench
results=${ITBENCH_RESULTS:-leaderboard/seeds}
suite=(run suites/seeds.yaml -b majaj-it --device cuda --results "$results" "$@")

"$itbench" "${suite[@]}" --dry-run
"$itbench" "${suite[@]}" --output "$results/seeds.md"
