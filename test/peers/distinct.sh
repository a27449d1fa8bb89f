#!/bin/sh
# Succeeds when so many different numbers are in the messages of a schema.
#
# usage: distinct.sh STATE SCHEMA COUNT
[ "$(cf-messaged tail --state "$1" --schema "$2" -n 10000 | grep -o '"number": *[0-9]*' | sort -u | wc -l)" -eq "$3" ]
