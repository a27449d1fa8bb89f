#!/bin/sh
# Waits for SIGINT, which every story sends at its end, and then ends the process
# whose id is in a file.
#
# usage: keeper.sh PID_FILE
end() {
  pid=$(cat "$1" 2>/dev/null) && kill "$pid" 2>/dev/null && timeout 30 tail -s 0.2 --pid="$pid" -f /dev/null
  exit 0
}
trap 'end "$1"' INT TERM
n=0
while [ $((n += 1)) -lt 300 ]; do
  sleep 1 >/dev/null 2>&1 &
  wait $!
done
