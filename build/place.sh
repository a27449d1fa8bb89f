# shellcheck shell=bash
# Puts files where they are used, and takes them back. Sourced by install.sh.
#
# Each function says what it does, and changes nothing where all is as it
# should be. Files change by rename, so that an agent that starts the module
# or a server that ships it never sees half of one.

# put SOURCE TARGET [MODE]: an executable, 0755, where no mode is given.
put() {
  local mode=${3:-755}
  if cmp -s "$1" "$2" && [ "$(stat -c %a "$2")" = "$mode" ]; then
    note "$2 is up to date."
    return
  fi
  act install -D -m "$mode" "$1" "$2.new"
  act mv -f "$2.new" "$2"
}

# put_folder FOLDER: 0755.
put_folder() {
  if [ -d "$1" ]; then note "$1 is there."; else act install -d -m 0755 "$1"; fi
}

# take_back FILE
take_back() {
  if [ -e "$1" ]; then act rm -f "$1"; else note "$1 is not there."; fi
}

# take_back_folder FOLDER: only where it is empty; what is in it is the site's.
take_back_folder() {
  [ -d "$1" ] || return 0
  if [ -z "$(ls -A "$1")" ]; then act rmdir "$1"; else note "$1 stays: there is more in it."; fi
}
