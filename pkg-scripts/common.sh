#!/bin/sh
# What the scripts of the packages share: the user, the user's LaunchAgent, the
# files. Needs config.sh, launchd.sh and basics.sh. It only defines functions.
#
# root never reads, writes or tests anything in a folder that belongs to a
# user: a link planted there would lead root elsewhere. What happens there
# happens through as_user, with that user's own rights.
# shellcheck disable=SC2034 # the scripts that read this file use what it sets

DAEMON_PLIST=/Library/LaunchDaemons/$DAEMON_LABEL.plist
# Where a package leaves the property list for postinstall, one for each
# condition, and the instance's template.
STAGED_AGENT=$SUPPORT_DIR/$AGENT_LABEL.plist
STAGED_DAEMON=$SUPPORT_DIR/$DAEMON_LABEL.plist
TEMPLATE_FILE=$SUPPORT_DIR/template.yaml
# What the instance uses of what packages bring beside it, for bundle.sh.
BUNDLED_LIST=$SUPPORT_DIR/bundled
SUPPORT_ROOT=${SUPPORT_DIR%/*}
# The name of the user who was found.
USER_FILE=$SUPPORT_DIR/user
# The job as it was before an update.
PREVIOUS_PLIST=$SUPPORT_DIR/previous.plist
# Name of the log in either folder.
LOG_NAME=lima-start.log
# What is left to this Mac to say.
FIND_USER=no
[ -n "$LIMA_USER" ] || FIND_USER=yes

# Finds the account LIMA_USER: its id (LIMA_UID), and its home folder (HOME_DIR;
# empty where the directory service does not say). Status 1, the reason in
# USER_PROBLEM, and what to do about it in USER_ADVICE: no account that an
# instance could run as.
find_account() {
	USER_ADVICE="Lima instance $INSTANCE is set up to run as that user. Make the account and install again,\
 or build the package with another \"user\"."
	HOME_DIR=
	if ! LIMA_UID=$(id -u "$LIMA_USER" 2>/dev/null); then
		USER_PROBLEM="there is no user \"$LIMA_USER\" on this Mac"
		return 1
	fi
	if [ "$LIMA_UID" -eq 0 ]; then
		USER_PROBLEM="\"$LIMA_USER\" is root, and limactl refuses to run as root"
		return 1
	fi
	if ! may_act_as_user; then
		return 1
	fi
	# /Search has the network's accounts too.
	HOME_DIR=$(home_of /Search "$LIMA_USER")
	USER_PROBLEM=
}

# The home folder of the account $2 in the directory $1; nothing where it has
# none. A value with a space in it comes on a line of its own. Status 1: the
# directory does not say.
home_of() {
	if home_said=$(dscl "$1" -read "/Users/$2" NFSHomeDirectory </dev/null 2>&1); then
		printf '%s\n' "$home_said" | sed -n -e 's/^NFSHomeDirectory: *//' -e 's/^ //' -e '/^\//{p;q;}'
		return
	fi
	case $home_said in
	*"No such key"*) return 0 ;;
	*) return 1 ;;
	esac
}

as_user() {
	sudo -n -u "#$LIMA_UID" -- "$@"
}

# Whether sudo lets root act as the user. Where sudoers(5) was changed it may
# not, and whatever is asked as_user would seem to be missing.
may_act_as_user() {
	if as_user true; then
		return 0
	fi
	USER_PROBLEM="sudo does not let root act as \"$LIMA_USER\""
	USER_ADVICE="What sudo says is above; see to it that /etc/sudoers has \"root ALL = (ALL) ALL\"."
	return 1
}

# Whether the user is logged in at the screen.
is_logged_in() {
	launchctl print "gui/$LIMA_UID" </dev/null >/dev/null 2>&1
}

# Whether there is something, be it a link to nothing, at the user's path $1.
user_has() {
	as_user test -e "$1" || as_user test -L "$1"
}

# Where the instance of a user with the home folder $1 is.
instance_dir_of() {
	printf '%s/%s\n' "${LIMA_HOME_DIR:-$1/.lima}" "$INSTANCE"
}

# The log of the job.
log_file() {
	case $CONDITION in
	boot) printf '%s/%s\n' "$DAEMON_LOGS" "$LOG_NAME" ;;
	*) printf '%s/%s/%s\n' "${HOME_DIR:-$LIMA_USER_HOME}" "$AGENT_LOGS" "$LOG_NAME" ;;
	esac
}

# Asks lima-start, as the user: `check` what is missing, `status` what limactl
# says. HOME is the user's, where sudo keeps root's own.
ask_lima_start() {
	ask_home=${HOME_DIR:-$LIMA_USER_HOME}
	as_user /usr/bin/env -i "HOME=$ask_home" "USER=$LIMA_USER" "LOGNAME=$LIMA_USER" SHELL=/bin/sh \
		PATH=/usr/bin:/bin:/usr/sbin:/sbin "$LIMA_START" "$1" "--instance=$INSTANCE" "--log=$(log_file)" \
		${LIMA_HOME_DIR:+"--lima-home=$LIMA_HOME_DIR"} ${TEMPLATE:+"--template=$TEMPLATE"} \
		${BUNDLED_LIMA:+"--bundled"} "$LIMACTL" </dev/null
}

# The user's LaunchAgent.
agent_plist() {
	printf '%s/Library/LaunchAgents/%s.plist\n' "$HOME_DIR" "$AGENT_LABEL"
}

# Stops the user's LaunchAgent for the instance and removes it. Status 1: some
# of it is still there.
remove_agent() {
	remove_status=0
	if is_logged_in; then
		launchd_unload "gui/$LIMA_UID" "$AGENT_LABEL" || remove_status=1
	fi
	if [ -n "$HOME_DIR" ]; then
		remove_file=$(agent_plist)
		if user_has "$remove_file"; then
			if as_user rm -f "$remove_file"; then
				note "Removed $remove_file."
			else
				warn "$remove_file could not be removed."
				remove_status=1
			fi
		fi
	fi
	return "$remove_status"
}

# Stops the LaunchDaemon of the instance and removes it. Status 1: some of it
# is still there.
remove_daemon() {
	remove_status=0
	launchd_unload system "$DAEMON_LABEL" || remove_status=1
	remove_root_file "$DAEMON_PLIST" || remove_status=1
	return "$remove_status"
}
