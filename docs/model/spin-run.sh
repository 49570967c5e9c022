# Read by check*.sh, which set $model; $1 is their first argument.
# Collapsed states take half the memory and twice the time: for searches that need it.
compression=
[ "${1:-}" != --large ] || compression=-DCOLLAPSE
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# run NAME FLAGS...: the verdict of spin as one line, and whether it found an error in $errors.
run() {
  name=$1
  shift
  spin -a "$@" "$model"
  # Most searches are over sooner than gcc would be with -O2, which makes them a twentieth faster.
  # shellcheck disable=SC2086
  gcc -w -O1 -DSAFETY $compression -DVECTORSZ=2048 -o pan pan.c
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
