#!/bin/sh
# Tells whether a key waits to be approved.
#
# usage: pending.sh KEYS
cf-messaged keys list --state "$STATE" --keys "$1" --only pending --json | grep -q digest
