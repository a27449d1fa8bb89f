# shellcheck shell=bash
# What the distribution must supply, and how to ask it. Sourced by setup.sh.

# Who needs it, how to see that it is there, and the package that brings it:
# Debian and Ubuntu; Fedora and RHEL; SUSE. "-" is nothing to install: it
# comes with another package, or is built here (zmq.sh).
wanted_packages() {
  cat <<'TABLE'
build  ca:certificates      ca-certificates    ca-certificates      ca-certificates
build  command:gcc          gcc                gcc                  gcc
build  command:g++          g++                gcc-c++              gcc-c++
build  command:make         make               make                 make
build  command:cmake        cmake              cmake                cmake
build  command:dpkg-source  dpkg-dev           -                    -
build  command:rpmbuild     -                  rpm-build            rpm-build
build  dnf:download         -                  dnf-plugins-core     -
build  command:pkg-config   pkgconf            pkgconf-pkg-config   pkgconf-pkg-config
build  library:libzmq       libzmq3-dev        zeromq-devel         zeromq-devel
build  library:libsodium    libsodium-dev      libsodium-devel      libsodium-devel
build  archive:libsodium.a  libsodium-dev      libsodium-static     -
build  archive:libstdc++.a  -                  libstdc++-static     -
build  archive:libc.a       libc6-dev          glibc-static         glibc-devel-static
fast   archive:libcrypto.a  libssl-dev         -                    -
agent  agent:cf-agent       cfengine3          cfengine             cfengine
agent  command:timeout      coreutils          coreutils            coreutils
test   command:shellcheck   shellcheck         ShellCheck           ShellCheck
test   command:jq           jq                 jq                 jq
test   python:zmq           python3-zmq        python3-zmq          python3-pyzmq
test   python:jwcrypto      python3-jwcrypto   python3-jwcrypto     python3-jwcrypto
TABLE
}

# distribution: debian, fedora or suse, after the family it belongs to.
distribution() {
  local ID='' ID_LIKE=''
  # shellcheck source=/dev/null
  [ ! -r /etc/os-release ] || . /etc/os-release
  case " $ID $ID_LIKE " in
    *' debian '* | *' ubuntu '*) echo debian ;;
    *' fedora '* | *' rhel '*) echo fedora ;;
    *suse*) echo suse ;;
    *) die "cannot install packages on '${ID:-unknown}': install what build/packages.sh lists by hand, then run this again" ;;
  esac
}

# is_there KIND:NAME: is this need met already, by whatever means?
is_there() {
  local name=${1#*:} found
  case $1 in
    command:*) command -v "$name" >/dev/null ;;
    agent:*) [ -n "$(agent_folder)" ] ;;
    library:*) pkg-config --exists "$name" 2>/dev/null ;;
    python:*) /usr/bin/python3 -c "import $name" 2>/dev/null ;;
    dnf:*) dnf "$name" --help >/dev/null 2>&1 ;;
    ca:*) [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || [ -e /etc/ssl/ca-bundle.pem ] ;;
    archive:*)
      found=$(g++ -print-file-name="$name" 2>/dev/null) || return 1
      [ "$found" != "$name" ]
      ;;
  esac
}

# agent_folder: where cf-agent lies; nothing where it is not installed.
agent_folder() {
  local agent
  for agent in "$(command -v cf-agent)" /var/cfengine/bin/cf-agent /var/lib/cfengine3/bin/cf-agent; do
    [ ! -x "$agent" ] || { dirname "$agent"; return; }
  done
}

# missing_packages GROUP...: the packages of these groups that are missing.
missing_packages() {
  local family column row
  family=$(distribution) || exit 1
  case $family in
    debian) column=2 ;;
    fedora) column=3 ;;
    suse) column=4 ;;
  esac
  wanted_packages | while read -r -a row; do
    case " $* " in *" ${row[0]} "*) ;; *) continue ;; esac
    [ "${row[column]}" != - ] || continue
    is_there "${row[1]}" || echo "${row[column]}"
  done | sort -u
}

# want GROUP...: installs what these groups miss; says nothing where that is
# nothing.
want() {
  local missing
  missing=$(missing_packages "$@") || exit 1
  [ -n "$missing" ] || return 0
  say "Installing from the distribution: ${missing//$'\n'/ }"
  # shellcheck disable=SC2086 # package names: one word each
  install_packages $missing
}

# wish GROUP...: as want, but what cannot be had is done without.
wish() { (want "$@") || note "That is done without."; }

# fast_signatures: a private RSA operation takes OpenSSL a third of the time that
# Go takes for it. Where the distribution has no archive of it, Go does.
fast_signatures() {
  if is_there library:libcrypto && is_there archive:libcrypto.a; then echo ,openssl; fi
}

install_packages() {
  case $(distribution) in
    debian)
      act_quietly as_root apt-get update
      act_quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
      ;;
    fedora)
      note "RHEL and its kin have some of these in EPEL and CRB (CodeReady Builder) only: enable both there."
      act_quietly as_root dnf install --assumeyes "$@"
      ;;
    suse)
      note "SLES has some of these in PackageHub only: enable it there."
      act_quietly as_root zypper --non-interactive install --no-recommends "$@"
      ;;
  esac
}
