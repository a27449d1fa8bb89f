# shellcheck shell=bash
# What every script of the project begins with: the pieces of this folder, and
# in $root the project's folder. To be sourced.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# shellcheck source=say.sh
. "$root/build/say.sh"
# shellcheck source=packages.sh
. "$root/build/packages.sh"
# shellcheck source=go.sh
. "$root/build/go.sh"
# shellcheck source=source.sh
. "$root/build/source.sh"
# shellcheck source=zmq.sh
. "$root/build/zmq.sh"
# shellcheck source=jsonschema.sh
. "$root/build/jsonschema.sh"
