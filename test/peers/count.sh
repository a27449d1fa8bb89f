#!/bin/sh
# Succeeds when the queue in a state folder holds at least MIN and at most MAX
# (MIN where left out) messages of a schema.
#
# usage: count.sh STATE SCHEMA MIN [MAX]
n=$(cf-messaged tail --state "$1" --schema "$2" -n 10000 | wc -l)
[ "$n" -ge "$3" ] && [ "$n" -le "${4:-$3}" ]
