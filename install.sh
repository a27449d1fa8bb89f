#!/usr/bin/env bash
set -euo pipefail
# shellcheck source=build/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/build/setup.sh"
# shellcheck source=build/place.sh
. "$root/build/place.sh"
# shellcheck source=build/declare.sh
. "$root/build/declare.sh"

help() {
  cat <<'TEXT'
Usage: ./install.sh [--prefix DIR] [--masterfiles DIR] [--no-build] [--dry-run]
       ./install.sh --uninstall [--prefix DIR] [--masterfiles DIR] [--dry-run]
       ./install.sh --demo [--dry-run]

Installs the messages promise type and its listener. Installs what is missing
from the distribution, builds both programs and places them:

  WORKDIR/modules/promises/messages      the module, for this host's cf-agent
  WORKDIR/modules/promises/schemas/      for the site's own schemas
  MASTERFILES/modules/promises/...       the same, for the MPF to ship to nodes
  MASTERFILES/services/init.cf           the type's declaration, added once
  MASTERFILES/services/messages/         the ready bundles, for def.json to name
  PREFIX/sbin/cf-messaged                the listener

WORKDIR is CFEngine's work directory. Can be run again at any time: it changes
only what is not yet as it should be, and says what that is.

  --demo             show both programs at work with the real cf-agent, in a
                     temporary folder; places nothing, leaves nothing behind
  --prefix DIR       where the listener goes (default /usr/local)
  --masterfiles DIR  the policy that the hub serves (default
                     WORKDIR/masterfiles); without a services/init.cf there,
                     as on a node, only this host gets the type
  --uninstall        take back what an install with the same options placed;
                     messages, keys, queue and configuration stay
  --no-build         place what bin/ has already
  --dry-run          print every action, do none
  --help             this text

Run it as root, or as a user who may sudo: then it builds as that user and
places as root.

Example, on a hub:  ./install.sh --demo && ./install.sh
TEXT
}

main() {
  demo='' uninstall='' build=yes prefix=/usr/local masterfiles=''
  options "$@"
  umask 022
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  [ -z "$dry" ] || say "Dry run: nothing of what follows is done."
  [ -z "$build" ] || build_all
  find_places
  if [ -n "$demo" ]; then
    "$root/test/demo" ${dry:+--dry-run}
  elif ! may_place; then
    as_root_again
  elif [ -n "$uninstall" ]; then
    uninstall
  else
    install_all
  fi
}

options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --demo) demo=yes ;;
      --uninstall) uninstall=yes build='' ;;
      --no-build) build='' ;;
      --dry-run) dry=yes ;;
      --help | -h) help; exit ;;
      --prefix=* | --masterfiles=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
      --prefix) prefix=$(full_path "$@"); shift ;;
      --masterfiles) masterfiles=$(full_path "$@"); shift ;;
      *) echo "install.sh: unknown option '$1'; see ./install.sh --help" >&2; exit 2 ;;
    esac
    shift
  done
  [ -z "$demo" ] || [ -z "$uninstall" ] || { echo "install.sh: --demo and --uninstall exclude each other" >&2; exit 2; }
}

# full_path OPTION DIR
full_path() {
  [ -n "${2:-}" ] || { echo "install.sh: $1 wants a folder" >&2; exit 2; }
  realpath -m -- "$2"
}

build_all() {
  want build agent
  [ -n "$dry$(agent_folder)" ] || die "no cf-agent found after installing it: install CFEngine, then run this again"
  "$root/build/programs" ${dry:+--dry-run}
}

# find_places: CFEngine's work directory is /var/cfengine, or Debian's own.
find_places() {
  workdir=${CFENGINE_TEST_OVERRIDE_WORKDIR:-}
  if [ -z "$workdir" ]; then
    for workdir in /var/cfengine /var/lib/cfengine3; do
      [ ! -x "$workdir/bin/cf-agent" ] || break
    done
  fi
  masterfiles=${masterfiles:-$workdir/masterfiles}
}

# may_place: may this user write where things go?
may_place() {
  local place
  for place in "$workdir" "$prefix" "$masterfiles"; do
    while [ ! -e "$place" ]; do place=$(dirname "$place"); done
    [ -w "$place" ] || return 1
  done
}

# as_root_again: a dry run too, for it has to look into root's folders.
as_root_again() {
  say "What follows needs root"
  set -- as_root env ${CFENGINE_TEST_OVERRIDE_WORKDIR:+"CFENGINE_TEST_OVERRIDE_WORKDIR=$workdir"} \
    "$root/install.sh" --no-build ${uninstall:+--uninstall} ${dry:+--dry-run} --prefix "$prefix" --masterfiles "$masterfiles"
  note "$ $(typed "$@")"
  "$@"
}

install_all() {
  [ -n "$dry" ] || [ -x "$root/bin/messages" ] || die "bin/ has no programs to place: run it without --no-build"
  say "Placing the module for this host's cf-agent, in $workdir"
  put "$root/bin/messages" "$workdir/modules/promises/messages"
  put_folder "$workdir/modules/promises/schemas"
  say "Placing the listener"
  put "$root/bin/cf-messaged" "$prefix/sbin/cf-messaged"
  if has_policy; then
    say "Placing the module for the nodes, in $masterfiles"
    put "$root/bin/messages" "$masterfiles/modules/promises/messages"
    put_folder "$masterfiles/modules/promises/schemas"
    say "Placing the ready bundles, which nothing runs before def.json names them"
    put_bundles "$masterfiles"
    say "Declaring the promise type"
    declare_type "$masterfiles"
    warn_of_debian
  else
    say "Shipping nothing: no services/init.cf in $masterfiles"
    note "That is right on a node. On a hub, name its policy with --masterfiles DIR."
  fi
  say "${dry:+Dry run, so not really: }Installed."
  next_steps
}

uninstall() {
  if has_policy; then
    say "Taking the declaration back"
    undeclare_type "$masterfiles"
    say "Taking back the ready bundles"
    take_back_bundles "$masterfiles"
    say "Taking the module back that the nodes get"
    take_back_module "$masterfiles"
  fi
  say "Taking back the module of this host, and the listener"
  take_back_module "$workdir"
  take_back "$prefix/sbin/cf-messaged"
  say "${dry:+Dry run, so not really: }Uninstalled."
  what_stays
}

has_policy() {
  [ -f "$masterfiles/services/init.cf" ]
}

# bundles: what policy/ has for masterfiles, by their paths there.
bundles() {
  (cd "$root/policy" && find . -type f ! -name README.md ! -name example.cf ! -path './pipeline*' -printf '%P\n' | sort)
}

# put_bundles MASTERFILES
put_bundles() {
  local file
  while read -r file; do
    put "$root/policy/$file" "$1/services/messages/$file" 644
  done < <(bundles)
}

# take_back_bundles MASTERFILES: the folders too, the innermost first.
take_back_bundles() {
  local file
  while read -r file; do
    take_back "$1/services/messages/$file"
  done < <(bundles)
  [ -d "$1/services/messages" ] || return 0
  while read -r file; do
    take_back_folder "$file"
  done < <(find "$1/services/messages" -depth -type d)
}

# take_back_module FOLDER
take_back_module() {
  take_back "$1/modules/promises/messages"
  take_back_folder "$1/modules/promises/schemas"
  take_back_folder "$1/modules/promises"
}

# warn_of_debian: Debian's MPF updates the hub from the package's own policy.
warn_of_debian() {
  local packaged=/usr/share/cfengine3/masterfiles key=mpf_update_policy_master_location
  [ -d "$packaged" ] && [ "$masterfiles" = /var/lib/cfengine3/masterfiles ] || return 0
  ! grep -qs "$key" {"$packaged","$masterfiles"}/def{,_preferred}.json || return 0
  say "Mind: a hub with Debian's cfengine3 serves $packaged"
  note "and not $masterfiles. To make it serve the latter, put into $packaged/def.json:"
  note "{\"variables\":{\"default:def.$key\":{\"value\":\"$masterfiles\"}}}"
  note "Or install with --masterfiles $packaged (an update of the package may undo that)."
}

next_steps() {
  note "Next:"
  note "  $prefix/sbin/cf-messaged init     the listener's folder and configuration, on the hub"
  note "  modules/promises/messages.json    beside the module: where nodes send to, such as"
  note "                                    {\"to\":\"tcp://HUB:5309\"}"
  note "  policy/README.md                  the promise, its attributes, the ready bundles"
}

what_stays() {
  note "Left as they are: $workdir/state/messages (what still waits to be sent), the"
  note "listener's state and configuration (/var/lib/cf-messaged, /etc/cf-messaged),"
  note "messages.json, and the packages that were installed from the distribution."
  note "CFEngine never deletes modules on nodes. To remove it there, promise that:"
  cat <<'POLICY'

  files:
    "$(sys.workdir)/modules/promises/messages"
      delete => tidy;
    "$(sys.workdir)/modules/promises/messages.cfsaved"
      delete => tidy;

POLICY
}

main "$@"
