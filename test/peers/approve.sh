#!/bin/sh
# Has a listener approve the key that a module shows as its host's.
#
# usage: approve.sh MODULE KEYS
set -e
digest=$("$1" key | head -n 1)
cf-messaged keys approve "$digest" --state "$STATE" --keys "$2"
