#!/bin/sh
# Succeeds once the queue of $STATE holds as many messages as the argument says.
[ "$(cf-messaged tail --state "$STATE" -n 1000 | wc -l)" -eq "$1" ]
