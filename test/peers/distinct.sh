#!/bin/sh
# Succeeds when so many different contents are in the messages of a schema.
#
# usage: distinct.sh STATE SCHEMA COUNT [MEMBER]
# With MEMBER, a number or a string, only that one of the content is looked at.
cf-messaged tail --state "$1" --schema "$2" -n 10000 >"$TMPDIR/distinct"
[ "$(grep -o "\"${4:-content}\": *[^,}]*" "$TMPDIR/distinct" | sort -u | wc -l)" -eq "$3" ]
