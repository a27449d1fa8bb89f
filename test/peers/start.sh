#!/bin/sh
# Runs a listener with the keys of a node; CONFIGURATION.log is its log and
# CONFIGURATION.pid its process.
#
# usage: start.sh CONFIGURATION NODE
echo $$ >"$1.pid"
exec cf-messaged run --config "$1" --keys "$2/ppkeys" >"$1.log" 2>&1
