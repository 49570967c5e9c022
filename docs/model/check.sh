#!/bin/sh
# Checks generations.pml with spin, then leaves out one safety mechanism at a time and expects spin to
# notice. Needs spin and gcc (Debian: apt-get install spin gcc). Exit status 0: all as it should be.
#   check.sh           small bounds, then every mutation: about a minute
#   check.sh --large   the bounds README.md reports: a quarter of an hour, some gigabytes
set -eu
model=$(cd "$(dirname "$0")" && pwd)/generations.pml
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# run NAME FLAGS...: the verdict of spin as one line, and whether it found an error in $errors.
run() {
  name=$1
  shift
  spin -a "$@" "$model"
  gcc -w -O2 -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -o pan pan.c
  # -E: a replica that waits for ever is no error of safety.
  ./pan -E -m2000000 -w24 > out
  errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
  what=$(sed -n 's/^pan:1: \(assertion violated.*\) (at depth.*/\1/p' out | cut -c1-90)
  # A search that was cut short proves nothing.
  if grep -q 'max search depth too small\|out of memory' out; then errors="search incomplete"; fi
  printf '%-28s %10s states, errors: %s %s\n' "$name" "$states" "$errors" "$what"
}

bad=0
clean() {
  run "$@"
  [ "$errors" = 0 ] || bad=1
}
if [ "${1:-}" = --large ]; then
  clean '4 generations, no crash' -DEPOCHS=2 -DGENERATIONS=4 -DCRASHES=0
  clean '3 generations, a crash' -DEPOCHS=2 -DGENERATIONS=3 -DCRASHES=1
  clean '3 epochs' -DEPOCHS=3 -DGENERATIONS=3 -DCRASHES=0
else
  clean '3 generations, no crash' -DEPOCHS=2 -DGENERATIONS=3 -DCRASHES=0
  clean '2 generations, a crash' -DEPOCHS=2 -DGENERATIONS=2 -DCRASHES=1
fi
for left_out in NO_GUARD NO_OUTPUT_WAIT NO_REQUIRED NO_CUT_RULE STALE_CLAIM_IS_ENOUGH \
  UNREACHABLE_IS_PERMISSION CLAIM_OUT_OF_SYNC ACK_WHILE_CLAIMING LOST_CLAIM_GOES_ON; do
  run "$left_out" -D$left_out -DCRASHES=0
  [ "$errors" = 1 ] || bad=1
done
exit $bad
