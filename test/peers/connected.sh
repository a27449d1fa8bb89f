#!/bin/sh
# Succeeds when so many connections to a local TCP port are established.
#
# usage: connected.sh PORT COUNT
hex=$(printf '%04X' "$1")
[ "$(awk -v port=":$hex" '$2 ~ port "$" && $4 == "01"' /proc/net/tcp /proc/net/tcp6 | wc -l)" -eq "$2" ]
