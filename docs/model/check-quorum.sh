#!/bin/sh
# Checks quorum.pml as check.sh does generations.pml.
#   check-quorum.sh           two backups, then every mutation: some twenty seconds
#   check-quorum.sh --large   three backups: some minutes, two gigabytes
set -eu
here=$(cd "$(dirname "$0")" && pwd)
model=$here/quorum.pml
. "$here/spin-run.sh"

if [ "${1:-}" = --large ]; then
  clean '3 backups' -DBACKUPS=3 -DEPOCHS=1 -DGENERATIONS=3
else
  clean '3 generations' -DBACKUPS=2 -DEPOCHS=2 -DGENERATIONS=3
  clean '4 generations' -DBACKUPS=2 -DEPOCHS=2 -DGENERATIONS=4
fi
for left_out in NO_ASKING MORE_IS_FINE VOTE_WHILE_FOLLOWING ACK_AFTER_LEAVING NEW_MEMBERS_ONLY \
  CLAIM_IN_SPITE NAMED_BEFORE_ITS_STATE VOTE_WITHOUT_THE_LOG; do
  noticed "$left_out" -D$left_out -DBACKUPS=2 -DEPOCHS=2 -DGENERATIONS=4
done
exit $bad
