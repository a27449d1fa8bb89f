#!/bin/sh
# The packages of this host as JSON, for software.cf: an array of objects.
#
# usage: packages.sh installed REGEX   those that are installed, by their names
#        packages.sh updates FILE      those that apt-get would update, into FILE
set -eu
export LC_ALL=C

# array: lines of JSON become an array of them.
array() {
  echo '['
  sort | paste -sd , -
  echo ']'
}

# installed REGEX: the second letter of a status says what is so.
installed() {
  dpkg-query --show --showformat \
    '${db:Status-Abbrev} {"name":"${Package}","version":"${Version}","arch":"${Architecture}"}\n' |
    sed -n 's/^.i. *{/{/p' | grep -E "^.\"name\":\"($1)\"," | array
}

# updates FILE: from lines such as
# Inst openssl [3.0.14-1] (3.0.15-1 Debian:12.8/stable, Debian-Security:12/stable-security [amd64])
# A package that is new has no version in brackets. The file is there when whole.
updates() {
  found=$(timeout 300 apt-get -qq --simulate dist-upgrade)
  echo "$found" | sed -nE '
    s/^Inst ([^ ]+) \[([^]]+)\] \(([^ ]+) (.*) \[([^]]+)\]\).*/\4 {"name":"\1","version":"\3","arch":"\5","installed":"\2"/
    T
    /^[^{]*[Ss]ecurity/s/$/,"security":true}/
    t end
    s/$/,"security":false}/
    : end
    s/^[^{]*//p' | array >"$1.new"
  mv -f "$1.new" "$1"
}

"$@"
