# shellcheck shell=bash
# A Go that is new enough for go.mod. Sourced by setup.sh.

: "${root:?}"

# What is fetched where no Go of this machine is new enough; not older than
# the line "go" of go.mod.
go_fetched=1.26.8

# use_go: puts a good enough Go first in PATH: the one fetched earlier, the
# machine's own, or one fetched now.
use_go() {
  local wanted
  wanted=$(sed -n 's/^go //p' "$root/go.mod")
  choose_go "$wanted" && return
  fetch_go
  [ -n "$dry" ] || choose_go "$wanted" ||
    die "go.mod wants Go $wanted and Go $go_fetched was fetched: raise go_fetched in build/go.sh"
}

# choose_go VERSION: false where there is none that new.
choose_go() {
  local go
  for go in "$root/.build/go/bin/go" "$(command -v go)" /usr/local/go/bin/go; do
    if go_is "$go" "$1"; then
      PATH=${go%/*}:$PATH
      export PATH GOTOOLCHAIN=local
      return
    fi
  done
  return 1
}

# go_is GO VERSION: is this Go, by itself, of that version or newer?
go_is() {
  local has
  [ -x "$1" ] || return 1
  has=$(cd / && GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  [ "$(printf '%s\n' "${has#go}" "$2" | sort -V | head -n 1)" = "$2" ]
}

# fetch_go: lays Go into .build/go. Any Go, however old, can fetch the module
# golang.org/toolchain and check its hash against the checksum database; go
# itself takes newer versions of itself from there, but only since 1.21, and
# Debian 12 has 1.19. GOPROXY and the like hold as in any use of go.
fetch_go() {
  local old module fetched=$root/.build/go.fetched
  old=$(any_go)
  if [ -z "$old" ]; then
    case $(distribution) in
      debian) set -- golang-go ;;
      fedora) set -- golang ;;
      suse) set -- go ;;
    esac
    say "Installing the distribution's Go, to fetch the one that is needed: $1"
    install_packages "$1"
    old=$(any_go)
  fi
  module=golang.org/toolchain@v0.0.1-go$go_fetched.linux-$(go_arch)
  say "Fetching Go $go_fetched through the Go module proxy, into .build/go"
  [ -n "$dry" ] || remove_modules "$fetched"
  act_quietly env -C / GO111MODULE=on GOFLAGS=-modcacherw GOTOOLCHAIN=local GOMODCACHE="$fetched" "${old:-go}" mod download "$module"
  [ -n "$dry" ] || unfold_go "$fetched/$module"
  [ -n "$dry" ] || remove_modules "$fetched"
}

any_go() {
  command -v go || { [ ! -x /usr/local/go/bin/go ] || echo /usr/local/go/bin/go; }
}

# unfold_go FOLDER: makes the module a Go tree. In a module no file can be
# executable or be called go.mod, so the one is set and the other renamed.
unfold_go() {
  local go=$root/.build/go file
  chmod -R u+w "$1"
  chmod +x "$1"/bin/* "$1"/pkg/tool/*/*
  find "$1" -name _go.mod | while read -r file; do
    mv "$file" "${file%_go.mod}go.mod"
  done
  rm -rf "$go"
  mv "$1" "$go"
}

# remove_modules FOLDER: a module cache is read only.
remove_modules() {
  [ ! -d "$1" ] || { chmod -R u+w "$1" && rm -rf "$1"; }
}

go_arch() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    armv*) echo arm ;;
    i?86) echo 386 ;;
    *) uname -m ;;
  esac
}
