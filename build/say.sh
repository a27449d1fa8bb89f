# shellcheck shell=bash
# How the project's scripts speak and act. Sourced by setup.sh.
#
# dry: not empty under --dry-run; then `act` shows what it would do and does
# nothing.

: "${root:?}"
dry=${dry:-}

# say SENTENCE: heads a step. note SENTENCE: a line below it.
say() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }

# die SENTENCE: says what is wrong and the way out, and ends the script.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# act COMMAND...: shows the command as one could type it, then runs it.
act() {
  printf '    $ %s\n' "$(typed "$@")"
  [ -n "$dry" ] || "$@"
}

# act_quietly COMMAND...: as act, but what the command says goes to a log and
# is seen only when it fails. The folder .build of the project holds the log.
act_quietly() {
  printf '    $ %s\n' "$(typed "$@")"
  [ -z "$dry" ] || return 0
  mkdir -p "$root/.build"
  local log
  log=$(mktemp "$root/.build/log.XXXXXX")
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
  else
    tail -n 40 "$log" >&2
    die "that failed; its whole output is in $log"
  fi
}

# typed WORD...: the words on one line, quoted where a shell needs it.
typed() {
  local word line=
  if [ "$1" = as_root ]; then
    shift
    [ "$(id -u)" -eq 0 ] || line=sudo
  fi
  for word; do
    [[ $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]] || word=${word@Q}
    line+="${line:+ }$word"
  done
  printf '%s' "$line"
}

# as_root COMMAND...: runs it as root, by sudo where that is needed.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    die "$1 must be run by root: run this script as root, or install sudo"
  fi
}
