#!/bin/sh
# Checks generations.pml with spin, then leaves out one safety mechanism at a time and expects spin to
# notice. Needs spin and gcc (Debian: apt-get install spin gcc). Exit status 0: all as it should be.
#   check.sh           small bounds, then every mutation: half a minute
#   check.sh --large   the bounds README.md reports: a quarter of an hour, some gigabytes
set -eu
here=$(cd "$(dirname "$0")" && pwd)
model=$here/generations.pml
. "$here/spin-run.sh"

if [ "${1:-}" = --large ]; then
  clean '3 generations, no crash' -DEPOCHS=2 -DGENERATIONS=3 -DCRASHES=0
  clean '4 generations, no crash' -DEPOCHS=2 -DGENERATIONS=4 -DCRASHES=0
  clean '3 generations, a crash' -DEPOCHS=2 -DGENERATIONS=3 -DCRASHES=1
  clean '3 epochs, 2 generations' -DEPOCHS=3 -DGENERATIONS=2 -DCRASHES=0
else
  clean '3 generations, 1 epoch' -DEPOCHS=1 -DGENERATIONS=3 -DCRASHES=1
  clean '2 generations, a crash' -DEPOCHS=2 -DGENERATIONS=2 -DCRASHES=1
fi
for left_out in NO_GUARD NO_OUTPUT_WAIT NO_REQUIRED NO_CUT_RULE STALE_CLAIM_IS_ENOUGH \
  UNREACHABLE_IS_PERMISSION CLAIM_OUT_OF_SYNC ACK_WHILE_CLAIMING LOST_CLAIM_GOES_ON \
  HEIR_NEEDS_NO_GOODBYE HEIRS_GENERATION_IS_ENOUGH CONFIRMING_IS_NO_CLAIM; do
  noticed "$left_out" -D$left_out -DCRASHES=0
done
exit $bad
