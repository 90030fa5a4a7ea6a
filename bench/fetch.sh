#!/bin/bash
# Unpacks Debian's FTP servers side by side into a directory, without installing them: the packages conflict with one
# another. It brings the libraries that are missing, too, and does nothing for a server that is there already.
#
#   fetch.sh DIR [vsftpd proftpd pure-ftpd pyftpdlib]     all four unless some are named
set -euo pipefail
dir=${1:?usage: fetch.sh DIR [SERVER...]}
shift
(($#)) || set -- vsftpd proftpd pure-ftpd pyftpdlib

# What to ask for, and a file that shows it is there.
declare -A packages=(
	[vsftpd]="vsftpd"
	[proftpd]="proftpd-core proftpd-mod-crypto"
	[pure-ftpd]="pure-ftpd"
	[pyftpdlib]="python3-pyftpdlib python3-openssl"
)
declare -A shows=(
	[vsftpd]=sbin/vsftpd
	[proftpd]=lib/proftpd/mod_tls.so
	[pure-ftpd]=sbin/pure-ftpd
	[pyftpdlib]=lib/python3/dist-packages/pyftpdlib
)

wanted=()
for server in "$@"; do
	[[ ${packages[$server]:-} ]] || { echo "fetch.sh: no server is called $server" >&2; exit 2; }
	[[ -e $dir/usr/${shows[$server]} ]] || wanted+=("$server")
done
((${#wanted[@]})) || exit 0

mkdir -p "$dir"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chown _apt "$tmp" && chmod 755 "$tmp" # apt-get fetches as this user
dir=$(realpath "$dir")
cd "$tmp"
for server in "${wanted[@]}"; do
	# What an installation of this one alone would bring, of which only programs and libraries are needed; and the
	# server itself, should it be installed already.
	read -ra names <<<"${packages[$server]}"
	printf '%s\n' "${names[@]}"
	apt-get install -s --no-install-recommends "${names[@]}" | awk '/^Inst (lib|pure-ftpd|python3-)/ {print $2}'
done | sort -u | xargs apt-get download -q
for deb in *.deb; do
	dpkg -x "$deb" "$dir"
done
