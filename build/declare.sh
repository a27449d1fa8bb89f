# shellcheck shell=bash
# The promise type's declaration in masterfiles' services/init.cf. Sourced by
# install.sh after place.sh.
#
# What is added stands between two marker lines, with one newline before it;
# taking out those bytes gives the file as it was.

: "${root:?}"
scratch=${scratch:-} # folder for temporary files; install.sh makes it

begin_mark='# cfengine-messages: begin (added by install.sh)'
end_mark='# cfengine-messages: end'

# declare_type MASTERFILES: adds policy/enable.cf to services/init.cf, once;
# an older block of ours gives way to it.
declare_type() {
  local init=$1/services/init.cf without=$scratch/without.cf with=$scratch/with.cf
  undeclared "$init" >"$without"
  if grep -Eq '^[[:space:]]*promise[[:space:]]+agent[[:space:]]+messages\b' "$without"; then
    note "$init declares the type already, by other hands: left as it is."
    return
  fi
  { cat "$without" && printf '\n%s\n%s\n%s\n' "$begin_mark" "$(cat "$root/policy/enable.cf")" "$end_mark"; } >"$with"
  replace_init "$1" "$with" "declares the type"
}

# undeclare_type MASTERFILES: the reverse.
undeclare_type() {
  undeclared "$1/services/init.cf" >"$scratch/without.cf"
  replace_init "$1" "$scratch/without.cf" "has nothing of ours"
}

# undeclared FILE: its bytes without our block.
undeclared() {
  local begin end
  begin=$(line_offset "$begin_mark" "$1")
  end=$(line_offset "$end_mark" "$1")
  if [ -z "$begin" ]; then
    cat "$1"
  elif [ -z "$end" ] || [ "$end" -lt "$begin" ]; then
    die "$1 has the line '$begin_mark' without '$end_mark' after it: mend that by hand"
  else
    head -c "$((begin > 0 ? begin - 1 : 0))" "$1"
    tail -c "+$((end + ${#end_mark} + 2))" "$1"
  fi
}

# line_offset LINE FILE: the byte at which the first such line begins; nothing
# where there is none.
line_offset() {
  { grep -bxF "$1" "$2" || true; } | head -n 1 | cut -d: -f1
}

# replace_init MASTERFILES FILE STATE: FILE becomes services/init.cf, if
# CFEngine accepts the policy with it.
replace_init() {
  local init=$1/services/init.cf
  if cmp -s "$2" "$init"; then
    note "$init $3 already."
    return
  fi
  policy_holds "$1" || die "cf-promises does not accept $1 as it is, before any change: mend that first"
  cp "$init" "$scratch/init.cf"
  swap_init "$init" "$2"
  policy_holds "$1" && return
  swap_init "$init" "$scratch/init.cf"
  die "cf-promises does not accept $init with the change, so it is as it was; see above"
}

# swap_init INIT FILE: the new file keeps the old one's owner and mode.
swap_init() {
  diff -u --label before --label after "$1" "$2" | sed 's/^/    /' || true
  act cp -p "$1" "$1.new"
  act cp "$2" "$1.new"
  act mv -f "$1.new" "$1"
}

# policy_holds MASTERFILES: does cf-promises accept it? It gets a work
# directory of its own, so that it touches nothing of this machine's.
policy_holds() {
  local policy=$1/promises.cf agent
  [ -f "$policy" ] || policy=$1/services/init.cf
  agent=$(agent_folder)
  [ -n "$agent" ] || { note "No cf-promises here: $policy is not checked."; return; }
  mkdir -p "$scratch/cfengine"
  ln -sfn "$agent" "$scratch/cfengine/bin"
  act env "CFENGINE_TEST_OVERRIDE_WORKDIR=$scratch/cfengine" timeout 60 "$agent/cf-promises" -f "$policy"
}
