#!/bin/sh
# Succeeds once a dead letter of $STATE names a message.
#
# usage: dead.sh MESSAGE_ID
cf-messaged dead list --state "$STATE" | grep -q "gave up message $1 "
