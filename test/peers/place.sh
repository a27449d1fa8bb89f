#!/bin/sh
# Puts a configuration of policy/pipeline where a story can use it: its ports
# and its folders are replaced by the story's. WORKER is the worker's node.
#
# usage: place.sh NAME FILE
state=$WORK/$(basename "$2" .yaml).state
sed -e "s,:5311\>,:$PUSH," -e "s,:5557\>,:$TASKS," -e "s,:5558\>,:$RESULTS," \
  -e "s,/etc/cf-messaged/pipeline,$POLICY/pipeline," -e "s,/var/cfengine,${WORKER:-$NODE}," \
  -e "s,/var/lib/cf-messaged/[a-z]*,$state," "$POLICY/pipeline/$1.yaml" >"$2"
