#!/bin/sh
# Succeeds when a file has so many lines.
#
# usage: lines.sh FILE COUNT
[ -e "$1" ] && [ "$(wc -l <"$1")" -eq "$2" ]
