# shellcheck shell=bash
# A small static libzmq for both programs. Sourced by setup.sh.
#
# The distribution's own libzmq.a cannot be linked (it wants Kerberos, which
# has no archive) and its shared library brings seventeen others along. So
# libzmq is built from the distribution's source package, which has patches
# that the upstream release lacks and one of ours (zmq.patch), with CURVE by
# libsodium and nothing else.

: "${root:?}"

# static_zmq: leaves in $zmq the folder that has libzmq.a, zmq.h and
# libzmq.pc; builds them at the first time. Each version has a folder of its
# own, and that folder stands in the flags of the link: Go's build cache sees
# flags, but not what lies behind a .pc file, and would go on with another
# libzmq unnoticed.
static_zmq() {
  zmq=$(built_zmq)
  [ -z "$zmq" ] || return 0
  say "Building a static libzmq from the distribution's source package (once, half a minute)"
  [ -z "$dry" ] || { note "in .build/zmq-VERSION"; return 0; }
  local work=$root/.build/zmq.work
  rm -rf "$work"
  fetch_source zeromq "$work/zeromq"
  is_there archive:libsodium.a || build_sodium "$work"
  build_zmq "$work"
  zmq=$root/.build/zmq-$(cat "$work/zeromq/version")$patched
  mv "$work/prefix" "$zmq"
  rm -rf "$work"
}

# patched ends the name of the folder, and changes with zmq.patch.
patched=+$(cksum <"$root/build/zmq.patch" | cut -d ' ' -f 1)

built_zmq() {
  find "$root/.build/" -mindepth 1 -maxdepth 1 -name "zmq-*$patched" 2>/dev/null | sort -V | tail -n 1
}

# build_zmq FOLDER: from FOLDER/zeromq/source into FOLDER/prefix.
build_zmq() {
  local pc=$1/prefix/lib/pkgconfig
  act_quietly patch -d "$1/zeromq/source" -p1 -i "$root/build/zmq.patch"
  act_quietly env "PKG_CONFIG_PATH=$pc" cmake -C build/zmq.cmake -S "$1/zeromq/source" -B "$1/zeromq/objects" \
    -D "CMAKE_INSTALL_PREFIX=$1/prefix"
  act_quietly make -C "$1/zeromq/objects" "-j$(nproc)" install
  # The folder moves into its place when it is whole, so it names itself.
  # shellcheck disable=SC2016 # pkg-config's variable, not the shell's
  sed -i 's|^prefix=.*|prefix=${pcfiledir}/../..|' "$pc/libzmq.pc"
}

# build_sodium FOLDER: libsodium, where the distribution has no archive of it.
build_sodium() {
  fetch_source libsodium "$1/libsodium"
  act_quietly env -C "$1/libsodium/source" ./configure --prefix="$1/prefix" --libdir="$1/prefix/lib" \
    --disable-shared --enable-static --with-pic
  act_quietly make -C "$1/libsodium/source" "-j$(nproc)" install
}
