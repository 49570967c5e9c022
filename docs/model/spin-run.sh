# Read by check.sh and check-journals.sh, which set $model.
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
noticed() {
  run "$@"
  [ "$errors" = 1 ] || bad=1
}
