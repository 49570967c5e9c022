#!/bin/sh
# Checks journals.pml as check.sh does generations.pml.
#   check-journals.sh           small bounds, then every mutation: some twenty seconds
#   check-journals.sh --large   the bounds README.md reports: a quarter of an hour, some gigabytes
set -eu
here=$(cd "$(dirname "$0")" && pwd)
model=$here/journals.pml
. "$here/spin-run.sh"

if [ "${1:-}" = --large ]; then
  clean '3 generations, 4 processes' -DEPOCHS=2 -DGENERATIONS=3 -DSTARTS=4
  clean '4 generations, 4 processes' -DEPOCHS=2 -DGENERATIONS=4 -DSTARTS=4
  clean '3 generations, 5 processes' -DEPOCHS=2 -DGENERATIONS=3 -DSTARTS=5
else
  clean '1 epoch' -DEPOCHS=1 -DGENERATIONS=3 -DSTARTS=4
  clean '2 generations' -DEPOCHS=2 -DGENERATIONS=2 -DSTARTS=4
  clean '3 processes' -DEPOCHS=2 -DGENERATIONS=3 -DSTARTS=3
fi
for left_out in NO_JOURNAL_WAIT OWN_JOURNAL_ONLY NO_WRITE_AFTER_LOG NO_CATCH_UP NO_GUARD NO_LINEAGE \
  LIVE_BEFORE_KEPT JOURNAL_AFTER_CLAIM KEEPER_AFTER_CLAIM BOOT_BESIDE; do
  noticed "$left_out" -D$left_out -DGENERATIONS=3 -DSTARTS=4
done
exit $bad
