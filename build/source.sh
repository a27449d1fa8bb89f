# shellcheck shell=bash
# Source packages of the distribution, its patches applied. Sourced by
# setup.sh.
#
# Nothing of this changes the machine: each package manager is asked with a
# configuration and a state of its own, in which source packages are enabled.

# fetch_source NAME FOLDER: lays the source of the library NAME (zeromq or
# libsodium) into FOLDER/source, and its version, with the distribution's
# revision, into FOLDER/version.
fetch_source() {
  mkdir -p "$2"
  case $(distribution) in
    debian) apt_source "${1/%zeromq/zeromq3}" "$2" ;;
    fedora) dnf_source "$1" "$2" && unpack_rpm "$1" "$2" ;;
    suse) zypper_source "$1" "$2" && unpack_rpm "$1" "$2" ;;
  esac
}

# apt_source NAME FOLDER: the machine's own entries, asked for source packages.
apt_source() {
  local own=$2/apt file dsc
  mkdir -p "$own/sources" "$own/lists/partial" "$own/cache/archives/partial"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ ! -r "$file" ] || sed -n 's/^deb /deb-src /p' "$file" >"$own/sources/${file##*/}.list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [ ! -r "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$own/sources/${file##*/}"
  done
  cat >"$own/apt.conf" <<CONF
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$own/sources";
Dir::State::lists "$own/lists";
Dir::Cache "$own/cache";
APT::Sandbox::User "root";
CONF
  # A third party's entry may have no source packages: not our business.
  (act_quietly env "APT_CONFIG=$own/apt.conf" apt-get update) || note "Going on: what is needed may be there all the same."
  act_quietly env -C "$2" APT_CONFIG=apt/apt.conf apt-get source --download-only --only-source "$1"
  dsc=$(find "$2" -maxdepth 1 -name "$1_*.dsc")
  # apt has checked the files against the signed archive; no keyring is needed.
  act_quietly dpkg-source --no-check --extract "$dsc" "$2/source"
  dsc=${dsc##*/"$1"_}
  echo "${dsc%.dsc}" >"$2/version"
}

dnf_source() {
  act_quietly dnf download --source --destdir "$2" "$1"
}

# zypper_source NAME FOLDER: openSUSE has its source repositories set up, but
# disabled.
zypper_source() {
  local own=$2/zypper
  mkdir -p "$own/repos.d"
  cp /etc/zypp/repos.d/*.repo "$own/repos.d"
  find "$own/repos.d" -iname '*source*' -exec sed -i 's/^enabled *=.*/enabled=1/' {} +
  act_quietly as_root zypper --non-interactive --reposd-dir "$own/repos.d" --cache-dir "$own/cache" \
    source-install --no-build-deps --download-only "$1"
  as_root chown -R "$(id -u)" "$own"
  find "$own/cache" -name "$1-*.src.rpm" -exec cp {} "$2" \;
}

# unpack_rpm NAME FOLDER: unpacks the one source package in FOLDER as its own
# spec file says, patches applied.
unpack_rpm() {
  local rpm top
  rpm=$(find "$2" -maxdepth 1 -name "$1-*.src.rpm")
  act_quietly rpmbuild -rp --nodeps --define "_topdir $2/rpmbuild" "$rpm"
  # rpm 4.20 and later have one folder more on the way.
  top=$(find "$2/rpmbuild/BUILD" -mindepth 2 -maxdepth 3 -name configure.ac | head -n 1)
  [ -n "$top" ] || die "no source found in $rpm"
  mv "${top%/*}" "$2/source"
  rpm=${rpm##*/"$1"-}
  echo "${rpm%.src.rpm}" >"$2/version"
}
