#!/bin/sh
# A test against a throwaway FTPS server, which runs as long as the command after
# "--" does and ends with its status.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is delivered arrives.
sallyport test -- sh -eu -c '
	echo "1;2;3" | curl -sS --ssl-reqd --cacert "$FTPS_CA_FILE" -T - "${FTPS_URL}report.csv"
	test "$(cat "$FTPS_ROOT/report.csv")" = "1;2;3"
'

# A download that is cut is noticed, even if the server says that all is well.
yes "4;5;6" | head -n 1000 >"$work/orders.csv"
for fault in cut:after=1000 cut:after=1000,how=rst cut:after=1000,how=clean,code=226; do
	if sallyport test --seed "$work" --fault "$fault,to=RETR" -- sh -c '
		curl -s --ssl-reqd --cacert "$FTPS_CA_FILE" -o /dev/null "${FTPS_URL}orders.csv"
	'; then
		echo "not noticed: $fault" >&2
		exit 1
	fi
done

# Without "--" it prints a line of JSON. This is for scripts in which the server
# has to be there between commands; it ends with the script.
mkfifo "$work/ready"
sallyport test --fault reply:to=STOR,nth=1,code=452 >"$work/ready" &
read -r server <"$work/ready"
fact() { printf '%s\n' "$server" | sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
deliver() { curl -s --ssl-reqd --cacert "$(fact caFile)" -T "$work/orders.csv" "$(fact url)"; }
deliver || deliver # tries again
cmp "$work/orders.csv" "$(fact root)/orders.csv"
kill $!
wait $!
