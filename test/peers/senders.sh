#!/bin/sh
# Starts so many processes at once that publish a message each, and waits for them.
#
# usage: senders.sh COUNT PORT
n=0 pids=''
while [ $((n += 1)) -le "$1" ]; do
  "$MODULE" send --schema host --content '{"uqhost":"sender'"$n"'"}' --pattern publish --to "tcp://127.0.0.1:$2" &
  pids="$pids $!"
done
for pid in $pids; do wait "$pid" || exit 1; done
