# shellcheck shell=bash
# A validator that costs the module nothing until it is asked. Sourced by
# setup.sh.

: "${root:?}"

# lazy_jsonschema: leaves in $modfile a go.mod for go build that takes the
# validator from a copy in .build with jsonschema.patch. Go replaces a module,
# never a file of one.
lazy_jsonschema() {
  local module=github.com/santhosh-tekuri/jsonschema/v5 copy
  copy=.build/jsonschema+$(cksum build/jsonschema.patch go.mod | cksum | cut -d ' ' -f 1)
  modfile=.build/lazy.mod
  [ -d "$copy" ] || copy_jsonschema "$module" "$copy"
  [ -z "$dry" ] || return 0
  { cat go.mod && echo "replace $module => ./$copy"; } >"$modfile"
  cp go.sum .build/lazy.sum
}

# copy_jsonschema MODULE FOLDER
copy_jsonschema() {
  say "Preparing the validator, so that the module starts fast"
  note "with build/jsonschema.patch, in $2"
  [ -z "$dry" ] || return 0
  rm -rf .build/jsonschema.work
  act_quietly go mod download "$1"
  cp -r "$(go list -m -f '{{.Dir}}' "$1")" .build/jsonschema.work
  chmod -R u+w .build/jsonschema.work
  act_quietly patch -d .build/jsonschema.work -p1 -i "$root/build/jsonschema.patch"
  mv .build/jsonschema.work "$2"
}
