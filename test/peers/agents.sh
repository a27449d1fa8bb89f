#!/bin/sh
# Runs cf-agent with the story's last policy, so many times one after the other.
#
# usage: agents.sh COUNT
n=0
while [ $((n += 1)) -le "$1" ]; do
  RUN=$n timeout 60 cf-agent --no-lock --inform --file "$NODE/inputs/one.cf" || exit 1
done
