#!/bin/sh
# Finds on this Mac what the settings leave to it (`auto`): the user, limactl.
# Needs config.sh, launchd.sh and common.sh. It only defines functions.
#
# Whether a user has the instance is asked with that user's own rights, and so
# is what limactl is. A link that a user planted leads that user alone, and
# nowhere to what another user owns: `test -O` looks at what it leads to.
# shellcheck disable=SC2034 # the scripts that read this file use what it sets

# Finds who the instance runs as: LIMA_USER, LIMA_UID, HOME_DIR, and the folders
# that follow from it. Status 1: nobody, for the reason in USER_PROBLEM, with
# what to do about it in USER_ADVICE.
find_user() {
	if [ "$FIND_USER" = yes ]; then
		find_owner || return
		note "Found: $LIMA_USER, for the instance in $INSTANCE_DIR."
	else
		find_account
	fi
}

# The people with an account of this Mac's own, as lines "ID NAME". Apple gives
# them ids from 501 on; names of services begin with `_`.
local_users() {
	dscl . -list /Users UniqueID </dev/null 2>/dev/null |
		sed -n 's/^\([^_].*\)[[:space:]]\([0-9]\{3,10\}\)$/\2 \1/p'
}

# Whether the folder $1 is an instance, and the user's own.
owns_instance() {
	as_user test -O "$1" && as_user test -O "$1/lima.yaml"
}

# Where the instance of a user with the home folder $1 is.
instance_dir_of() {
	printf '%s/%s\n' "${LIMA_HOME_DIR:-$1/.lima}" "$INSTANCE"
}

# Takes the user $2 with the id $1 and the home folder $3.
take_user() {
	LIMA_UID=$1
	LIMA_USER=$2
	HOME_DIR=$3
	if [ "$FIND_FOLDER" = yes ]; then
		LIMA_HOME_DIR=$HOME_DIR/.lima
		INSTANCE_DIR=$LIMA_HOME_DIR/$INSTANCE
	fi
}

# Finds the one local user who owns the instance; where the package brings a
# template and nobody has the instance, the one local user there is.
find_owner() {
	people=
	people_count=0
	owners=
	owners_count=0
	# The users are all read before one of them is asked.
	while read -r look_uid look_name <&3; do
		if [ -z "$look_name" ] || [ "$look_uid" -lt 500 ]; then
			continue
		fi
		LIMA_UID=$look_uid
		look_home=$(home_of . "$look_name")
		# Without a home folder it is no person's account; with an id that the
		# system does not have for it, nobody could act for it.
		if [ -z "$look_home" ] || [ "$(id -u "$look_name" 2>/dev/null)" != "$look_uid" ]; then
			continue
		fi
		# The instance of somebody who cannot be asked might be taken for another's.
		LIMA_USER=$look_name
		may_act_as_user || return
		if ! as_user test -O "$look_home"; then
			continue
		fi
		people=${people:+$people, }$look_name
		people_count=$((people_count + 1))
		person_uid=$look_uid
		person_name=$look_name
		person_home=$look_home
		if owns_instance "$(instance_dir_of "$look_home")"; then
			owners=${owners:+$owners, }$look_name
			owners_count=$((owners_count + 1))
			owner_uid=$look_uid
			owner_name=$look_name
			owner_home=$look_home
		fi
	done 3<<END
$(local_users)
END
	USER_ADVICE="Or build the package for one user, with --user NAME."
	if [ "$owners_count" -eq 1 ]; then
		take_user "$owner_uid" "$owner_name" "$owner_home"
		return
	fi
	if [ "$people_count" -eq 0 ]; then
		USER_PROBLEM="this Mac has no local user with a home folder"
	elif [ "$owners_count" -gt 1 ]; then
		USER_PROBLEM="several users of this Mac have a Lima instance $INSTANCE: $owners"
		USER_ADVICE="Build the package for one of them, with --user NAME."
	elif [ -z "$TEMPLATE" ]; then
		USER_PROBLEM="no user of this Mac owns a Lima instance $INSTANCE at \
${LIMA_HOME_DIR:-~/.lima}/$INSTANCE; looked at: $people"
		USER_ADVICE="Create it as its user (\"limactl create --name=$INSTANCE\") and install again. $USER_ADVICE"
	elif [ "$people_count" -gt 1 ]; then
		USER_PROBLEM="no user of this Mac has a Lima instance $INSTANCE, and it could be created for any of: $people"
		USER_ADVICE="Create it as one of them and install again. $USER_ADVICE"
	else
		take_user "$person_uid" "$person_name" "$person_home"
		if ! user_has "$INSTANCE_DIR"; then
			return 0
		fi
		USER_PROBLEM="what is at $INSTANCE_DIR is no Lima instance of $LIMA_USER's own"
		USER_ADVICE="Remove it and install again. $USER_ADVICE"
	fi
	return 1
}

# Finds the first limactl of the usual places that this Mac's processor runs
# itself: LIMACTL, and the SEARCH_PATH with it. One for Intel would run under
# Rosetta on Apple silicon, which Lima refuses (lima-vm/lima#740). Status 1: none,
# for the reason in LIMACTL_PROBLEM.
find_limactl() {
	if [ "$FIND_LIMACTL" = no ]; then
		return 0
	fi
	# `uname -m` says x86_64 on Apple silicon as well, where Rosetta runs it.
	processor=x86_64
	if [ "$(sysctl -n hw.optional.arm64 </dev/null 2>/dev/null)" = 1 ]; then
		processor=arm64
	fi
	limactl_looks=
	for limactl_file in /opt/homebrew/bin/limactl /usr/local/bin/limactl /opt/local/bin/limactl; do
		if ! as_user test -e "$limactl_file"; then
			limactl_look="is not there"
		elif ! as_user test -f "$limactl_file" || ! as_user test -x "$limactl_file"; then
			limactl_look="is nothing that $LIMA_USER may run"
		elif runs_here "$limactl_file"; then
			LIMACTL=$limactl_file
			SEARCH_PATH=${LIMACTL%/*}:/usr/bin:/bin:/usr/sbin:/sbin
			note "Found: $LIMACTL, for $processor."
			return 0
		else
			limactl_look="is not for $processor"
		fi
		limactl_looks=${limactl_looks:+$limactl_looks, }"$limactl_file $limactl_look"
	done
	LIMACTL_PROBLEM="there is no limactl for this Mac ($processor): $limactl_looks"
	return 1
}

# Whether the processor runs the program $1 itself: it has code for it, or is a
# script, as wrappers are. lipo(1) comes with Xcode, file(1) with every Mac.
runs_here() {
	case $(as_user file -bL "$1" </dev/null 2>/dev/null) in
	*Mach-O*"$processor"*) return 0 ;;
	*Mach-O*) return 1 ;;
	*script*) return 0 ;;
	*) return 1 ;;
	esac
}

# Makes FILLED_PLIST: the package's property list with what was found. Values
# reach it as arguments of plutil's. ProgramArguments comes as a whole: by an
# index plutil inserts, and the packaged program would stay as the first
# argument (neomjs/neo#16440). Neither name of its JSON can have a quote in it.
fill_in() {
	cp "$PACKAGED_PLIST" "$FILLED_PLIST" || return
	if [ "$FIND_USER" = yes ] && [ "$CONDITION" = boot ]; then
		fill_in_value UserName -string "$LIMA_USER" || return
	fi
	if [ "$FIND_FOLDER" = yes ]; then
		fill_in_value WorkingDirectory -string "$INSTANCE_DIR" &&
			fill_in_value StandardOutPath -string "$INSTANCE_DIR/launchd.stdout.log" &&
			fill_in_value StandardErrorPath -string "$INSTANCE_DIR/launchd.stderr.log" || return
	fi
	if [ "$FIND_LIMACTL" = yes ]; then
		fill_in_value ProgramArguments -json "[\"$LIMACTL\", \"start\", \"$INSTANCE\", \"--foreground\"]" || return
		if [ "$SETS_PATH" = no ]; then
			fill_in_value EnvironmentVariables.PATH -string "$SEARCH_PATH" || return
		fi
	fi
	plutil -lint "$FILLED_PLIST" </dev/null >&2
}

fill_in_value() {
	/usr/bin/plutil -replace "$1" "$2" "$3" "$FILLED_PLIST" </dev/null >&2
}

# Finds whom an earlier installation set the instance up for, to remove what it
# did. Status as find_user's.
find_registered_user() {
	if [ "$FIND_USER" = yes ] && [ -f "$USER_FILE" ]; then
		LIMA_USER=$(cat "$USER_FILE")
		find_account || return
		take_user "$LIMA_UID" "$LIMA_USER" "$HOME_DIR"
	else
		find_user
	fi
}
