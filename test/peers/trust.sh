#!/bin/sh
# Has a node trust others: their public keys, as cf-key would put them there.
#
# usage: trust.sh NODE OTHER...
node=$1
shift
for other; do
  cp "$other/ppkeys/localhost.pub" "$node/ppkeys/$(basename "$other").pub"
done
