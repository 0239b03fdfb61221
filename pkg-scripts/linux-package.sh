#!/bin/sh
# What the scripts of a Linux package do, whichever package manager runs them. The
# unit, the link that has it wanted and the line of tmpfiles.d are files of the
# package, and enough for the next boot. This makes a running system follow; it
# touches nothing in an image, a chroot or a container without systemd, and never
# ends a transaction. It only defines functions.
#
# A user's manager is told by systemctl with that user's rights, by the manager's
# own socket: no message bus is needed (a minimal Debian 13 has none for users), and
# root talks to nobody's service. In a session of its own, what the user could do to
# that systemctl does not reach root's terminal.
# shellcheck disable=SC2154 # the lines before this file set LINUX_*

tell() { printf '%s: %s\n' "$LINUX_PACKAGE" "$*"; }
warn() { printf '%s: %s\n' "$LINUX_PACKAGE" "$*" >&2; }

# Whether systemd runs this system, and not one around it. dpkg sets DPKG_ROOT for
# another system's folder, build systems SYSTEMD_OFFLINE (systemd,
# docs/ENVIRONMENT.md). In a chroot, /run may be the host's.
is_booted() {
	case ${SYSTEMD_OFFLINE:-0} in
	0 | n | no | f | false | off) ;;
	*) return 1 ;;
	esac
	# shellcheck disable=SC3013 # POSIX.1-2024 has it
	[ -d /run/systemd/system ] && [ -z "${DPKG_ROOT:-}" ] && [ /proc/1/root -ef / ]
}

# Whether the administrator lets packages $1 (start, stop) services: invoke-rc.d(8).
is_allowed() {
	policy=/usr/sbin/policy-rc.d
	[ -x "$policy" ] || return 0
	status=0
	"$policy" "$LINUX_UNIT" "$1" </dev/null >/dev/null 2>&1 || status=$?
	[ "$status" -ne 101 ] && return 0
	tell "policy-rc.d does not allow to $1 $LINUX_UNIT."
	return 1
}

# The ids of the users for whom the unit $1 (a name, or `auto`) is and whose manager
# runs, a line each. Root's is none of them.
managers() {
	if [ "$1" = auto ]; then
		systemctl list-units --plain --no-legend --state=active 'user@*.service' </dev/null 2>/dev/null |
			sed -n 's/^user@\([1-9][0-9]*\)\.service[[:space:]].*/\1/p'
	elif uid=$(id -u -- "$1" 2>/dev/null) && systemctl --quiet is-active "user@$uid.service" </dev/null; then
		printf '%s\n' "$uid"
	fi
}

# systemctl in the manager of the user with the id $1, for as long as the VM may take.
of_manager() {
	uid=$1
	shift
	gid=$(id -g -- "$uid" 2>/dev/null) || return
	timeout "$LINUX_PATIENCE" setsid --wait setpriv --reuid "$uid" --regid "$gid" --init-groups \
		env -i PATH=/usr/bin:/bin "XDG_RUNTIME_DIR=/run/user/$uid" \
		systemctl --user --quiet "$@" </dev/null >/dev/null 2>&1
}

user_of() { id -un -- "$1"; }

# Stops the instance of the user $1, and waits.
stop_of() {
	for manager in $(managers "$1"); do
		status=0
		of_manager "$manager" stop "$LINUX_UNIT" || status=$?
		# 124: timeout's.
		if [ "$status" -eq 124 ]; then
			warn "$LINUX_UNIT of $(user_of "$manager") is not down after $LINUX_PATIENCE seconds, and goes on alone."
		elif [ "$status" -ne 0 ] && of_manager "$manager" is-active "$LINUX_UNIT"; then
			warn "$LINUX_UNIT of $(user_of "$manager") could not be stopped, and runs until the next boot."
		fi
	done
}

# Whether before_upgrade found that the instance ran as somebody else. The mark is a
# folder, and gone then.
is_moved() { rmdir "/run/$LINUX_PACKAGE.moved" 2>/dev/null; }

# Before the files of an upgrade come: an instance that is to run as somebody else is
# stopped, since nothing knows later as whom it ran.
before_upgrade() {
	is_booted || return 0
	is_moved || :
	[ -f "$LINUX_DROP_IN" ] || return 0
	before=$(sed -n 's/^ConditionUser=//p' "$LINUX_DROP_IN" | tail -n 1)
	case $before in
	'' | '!root') return 0 ;;
	'!'*) before=auto ;;
	esac
	[ "$before" != "$LINUX_USER" ] || return 0
	mkdir "/run/$LINUX_PACKAGE.moved" || :
	if is_allowed stop; then
		stop_of "$before"
	fi
}

# After the files have come. $1: `new` for the first installation, `again` for an
# upgrade, which starts nothing that somebody stopped, and stops nothing that runs:
# a VM is not a daemon, and what it runs is not this package's.
after_files() {
	is_booted || return 0
	systemctl daemon-reload </dev/null || warn "systemd could not be told of the new files; the next boot does."
	for manager in $(managers "$LINUX_USER"); do
		of_manager "$manager" daemon-reload || :
	done
	if [ "$1" = new ] || is_moved; then
		start_new
		return 0
	fi
	for manager in $(managers "$LINUX_USER"); do
		if of_manager "$manager" is-active "$LINUX_UNIT"; then
			tell "The VM of $(user_of "$manager") goes on with the settings that it was started with." \
				"The new ones hold from its next start."
		fi
	done
}

# Starts what the next boot would start.
start_new() {
	if [ "$LINUX_USER" != auto ] && ! id -u -- "$LINUX_USER" >/dev/null 2>&1; then
		tell "There is no user $LINUX_USER yet. The VM starts at the first boot or login that finds the user" \
			"and the instance."
		return 0
	fi
	is_allowed start || return 0
	if [ "$LINUX_CONDITION" = boot ] && [ "$LINUX_USER" != auto ]; then
		# Does what the line of tmpfiles.d does at boot; and starts the manager, with
		# all that it wants.
		loginctl enable-linger "$LINUX_USER" </dev/null >/dev/null 2>&1 ||
			warn "$LINUX_USER could not be made to linger; the next boot does it, and starts the VM."
	fi
	# Without waiting: the VM takes its time, and the unit's conditions say whose it is.
	for manager in $(managers "$LINUX_USER"); do
		of_manager "$manager" start --no-block "$LINUX_UNIT" || :
	done
}

# Before the files go. What keeps a user's manager there stays: others may need it.
before_removal() {
	is_booted || return 0
	if is_allowed stop; then
		stop_of "$LINUX_USER"
	fi
	if [ "$LINUX_CONDITION" = boot ] && [ -e "/var/lib/systemd/linger/$LINUX_USER" ]; then
		tell "$LINUX_USER still lingers, which other programs may need." \
			"Where nothing does: loginctl disable-linger $LINUX_USER"
	fi
}
