#!/bin/bash
# How the steps of on-a-mac.sh are told: what was expected, what came. It only
# defines functions.

steps=0
differ=0

die() {
	printf 'on-a-mac: %s\n' "$*" >&2
	exit 2
}

section() {
	printf '\n== %s\n' "$*"
}

# report STATUS WHAT EXPECTED CAME: 0 is as expected.
report() {
	steps=$((steps + 1))
	if [ "$1" -eq 0 ]; then
		printf 'ok      %s\n' "$2"
	else
		differ=$((differ + 1))
		printf 'DIFFERS %s\n' "$2"
	fi
	printf '%s\n' "$3" | sed 's/^/          expected: /'
	printf '%s\n' "$4" | sed 's/^/          came:     /'
}

# is WHAT EXPECTED CAME: both are the same.
is() {
	[ "$2" = "$3" ]
	report $? "$1" "$2" "$3"
}

# matches WHAT PATTERN CAME: a line of what came matches, by grep.
matches() {
	printf '%s\n' "$3" | grep -q -e "$2"
	report $? "$1" "a line like $2" "$3"
}

# ends WHAT STATUS COMMAND...: the command ends with that status.
ends() {
	ends_what=$1
	ends_expected=$2
	shift 2
	ends_said=$("$@" 2>&1 </dev/null)
	ends_status=$?
	[ "$ends_status" -eq "$ends_expected" ]
	report $? "$ends_what" "status $ends_expected from $*" "status $ends_status; $ends_said"
}

# Waits for up to $1 seconds until a command succeeds.
within() {
	within_left=$1
	shift
	until "$@" >/dev/null 2>&1; do
		within_left=$((within_left - 1))
		[ "$within_left" -gt 0 ] || return 1
		sleep 1
	done
}

# A field of what launchctl prints of a job.
field() {
	launchctl print "$1" 2>/dev/null | sed -n "s/^[[:space:]]*$2 = //p" | sed 1q
}

# Says how many steps came out differently. Status 1: some did.
sum_up() {
	printf '\n%s of %s steps came out differently.\n' "$differ" "$steps"
	[ "$differ" -eq 0 ]
}

# Writes a limactl to $1 that writes down what launchd gave it, and ends as a VM
# does.
write_stand_in() {
	mkdir -p "${1%/*}"
	cat >"$1" <<'END'
#!/bin/sh
case $1 in
create)
	# create --tty=false --name=NAME FILE
	mkdir "$LIMA_HOME/${3#--name=}" && cp "$4" "$LIMA_HOME/${3#--name=}/lima.yaml" && id -un >"$LIMA_HOME/created"
	exit
	;;
delete)
	rm -rf "${LIMA_HOME:?}/$3"
	exit
	;;
list)
	# list --format {{.Status}} NAME
	if kill -0 "$(cat "$LIMA_HOME/$4/running" 2>/dev/null)" 2>/dev/null; then
		echo Running
	else
		echo Stopped
	fi
	exit
	;;
esac
{
	printf '%s\n' "user $(id -un)" "arguments $*" "home $HOME" "lima-home $LIMA_HOME" "path $PATH" "folder $(pwd)"
} >started
echo $$ >running
trap 'sleep 8; date +%s >ended; rm -f running; exit 0' TERM
while :; do
	sleep 1 &
	wait $!
done
END
	chmod 755 "$1"
}
