#!/bin/bash
# Unpacks Debian's vsftpd, ProFTPD and Pure-FTPd side by side into a directory, without installing them: the packages
# conflict with one another. It brings the libraries that are missing, too, and does nothing if all is there already.
#
#   fetch.sh DIR     then run the tests with SALLYPORT_FTPDS=DIR
set -euo pipefail
dir=${1:?usage: fetch.sh DIR}
daemons=(vsftpd proftpd-mod-crypto pure-ftpd)

complete=true
for file in sbin/vsftpd sbin/proftpd sbin/pure-ftpd lib/proftpd/mod_tls.so; do
	[[ -e $dir/usr/$file ]] || complete=false
done
$complete && exit

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp" # apt-get fetches as a user of its own
cd "$tmp"
for daemon in "${daemons[@]}"; do
	# What an installation of this one alone would bring, of which only programs and libraries are needed.
	apt-get install -s --no-install-recommends "$daemon" |
		awk '/^Inst (lib|vsftpd|proftpd|pure-ftpd)/ {print $2}'
done | sort -u | xargs apt-get download -q
mkdir -p "$dir"
for deb in *.deb; do
	dpkg -x "$deb" "$dir"
done
