#!/bin/sh
# What a Mac has and this machine has not, under the name that it is called by.
# State is in the folder $STAND_IN:
#
#   loaded/TARGET     a loaded job: its property list's path; "/" is "+"
#   pid/TARGET        its process
#   draining/TARGET   seconds until launchd lets go of it, after a bootout
#   disabled/TARGET   left by `launchctl disable`
#   receipts/ID       a receipt
#   users/NAME        an account: its id, then its home folder
#   uid               who runs the script; root without it
#   session/UID       that user is logged in
#   clock             seconds that were slept
#   calls             every call
#
# and what a test wants to happen: bootout-takes, bootstrap-fails (how often),
# never-spawns, kickstart-fails, refuses (a text in a property list),
# forget-fails.
set -u
PATH=/usr/bin:/bin
s=$STAND_IN
printf '%s%s %s\n' "${ACTING_AS:+[$ACTING_AS] }" "${0##*/}" "$*" >>"$s/calls"

key() { printf '%s\n' "$1" | tr / +; }

number() { cat "$s/$1" 2>/dev/null || echo 0; }

busy() {
	echo "Bootstrap failed: 5: Input/output error" >&2
	exit 5
}

stand_in_launchctl() {
	verb=$1
	shift
	[ "$verb" = asuser ] || k=$(key "$1")
	case $verb in
	print)
		case $1 in
		gui/*/* | system/*) ;;
		gui/*) [ -e "$s/session/${1#gui/}" ] && exit 0 || exit 113 ;;
		esac
		[ -e "$s/loaded/$k" ] || exit 113
		printf '%s = {\n\tactive count = 1\n\tpath = %s\n' "$1" "$(cat "$s/loaded/$k")"
		if [ -e "$s/draining/$k" ]; then
			printf '\tstate = SIGTERMed\n'
		elif [ -e "$s/pid/$k" ]; then
			printf '\tstate = running\n\tpid = %s\n' "$(cat "$s/pid/$k")"
		else
			printf '\tstate = not running\n\tlast exit code = 1\n'
		fi
		printf '}\n'
		;;
	bootout)
		[ -e "$s/loaded/$k" ] || exit 3
		if [ -e "$s/bootout-takes" ]; then
			cp "$s/bootout-takes" "$s/draining/$k"
		else
			rm -f "$s/loaded/$k" "$s/pid/$k"
		fi
		;;
	enable) rm -f "$s/disabled/$k" ;;
	bootstrap)
		label=$(sed -n '/<key>Label</{n;s/.*<string>\(.*\)<.*/\1/p;}' "$2")
		k=$(key "$1/$label")
		if [ -e "$s/disabled/$k" ]; then
			echo "Bootstrap failed: 119: Service is disabled" >&2
			exit 119
		fi
		left=$(number bootstrap-fails)
		if [ "$left" -gt 0 ]; then
			echo $((left - 1)) >"$s/bootstrap-fails"
			busy
		fi
		[ ! -e "$s/loaded/$k" ] || busy
		if [ -e "$s/refuses" ] && grep -q -f "$s/refuses" "$2"; then busy; fi
		printf '%s\n' "$2" >"$s/loaded/$k"
		[ -e "$s/never-spawns" ] || echo 4242 >"$s/pid/$k"
		;;
	kickstart)
		[ -e "$s/loaded/$k" ] || exit 113
		[ -e "$s/kickstart-fails" ] || echo 4343 >"$s/pid/$k"
		;;
	asuser)
		[ -e "$s/session/$1" ] || exit 1
		program=$2
		shift 2
		exec "$s/bin/$program" "$@"
		;;
	esac
}

stand_in_sudo() {
	[ "$1 $2 $4" = "-n -u --" ] || exit 99
	ACTING_AS=$3
	export ACTING_AS
	shift 4
	# Only with the user's rights is the home folder where everybody says it is.
	for word; do
		shift
		case $word in
		"${s%/*}"/seen-by-users/*) word=${s%/*}/Users/${word#"${s%/*}/seen-by-users/"} ;;
		esac
		set -- "$@" "$word"
	done
	PATH=$s/bin:$PATH
	if [ "$1" = mktemp ]; then
		word=$("$@") || exit
		printf "%s\n" "${s%/*}/seen-by-users/${word#"${s%/*}/Users/"}"
	else
		exec "$@"
	fi
}

stand_in_id() {
	[ "$1" = -u ] || exit 99
	if [ "$#" -eq 1 ]; then
		number uid
	else
		sed -n 1p "$s/users/$2" 2>/dev/null | grep .
	fi
}

stand_in_dscl() {
	[ "$1 $2 $4" = "/Search -read NFSHomeDirectory" ] || exit 99
	home=$(sed -n 2p "$s/users/${3#/Users/}") || exit 56
	case $home in
	*' '*) printf 'NFSHomeDirectory:\n %s\n' "$home" ;;
	*) printf 'NFSHomeDirectory: %s\n' "$home" ;;
	esac
}

stand_in_plutil() {
	[ "$1" = -lint ] || exit 99
	grep -q '</plist>' "$2" && echo "$2: OK" || exit 1
}

stand_in_pkgutil() {
	[ -e "$s/receipts/$2" ] || exit 1
	if [ "$1" = --forget ]; then
		[ ! -e "$s/forget-fails" ] || exit 1
		rm "$s/receipts/$2"
	fi
}

stand_in_logger() { :; }

# A second passes: what drains is nearer to its end.
stand_in_sleep() {
	echo $(($(number clock) + $1)) >"$s/clock"
	for draining in "$s"/draining/*; do
		[ -e "$draining" ] || continue
		left=$(($(cat "$draining") - $1))
		if [ "$left" -gt 0 ]; then
			echo "$left" >"$draining"
		else
			rm -f "$draining" "$s/loaded/${draining##*/}" "$s/pid/${draining##*/}"
		fi
	done
}

stand_in_date() { echo $((1000 + $(number clock))); }

"stand_in_${0##*/}" "$@"
