#!/bin/sh
# Finds on this Mac whom the instance belongs to, where the settings leave that to
# it (`auto`). Needs config.sh, launchd.sh and common.sh. It only defines
# functions.
#
# Whether a user has the instance is asked with that user's own rights. A link
# that a user planted leads that user alone, and nowhere to what another user
# owns: `test -O` looks at what it leads to.
# shellcheck disable=SC2034 # the scripts that read this file use what it sets

# Finds who the instance runs as: LIMA_USER, LIMA_UID, HOME_DIR, and INSTANCE_DIR,
# which follows from it. Status 1: nobody, for the reason in USER_PROBLEM, with
# what to do about it in USER_ADVICE.
find_user() {
	if [ "$FIND_USER" = yes ]; then
		if [ -f "${SCRIPTS_DIR:-/dev/null}/found" ]; then
			read -r LIMA_UID LIMA_USER <"$SCRIPTS_DIR/found"
			find_account || return
			take_user "$LIMA_UID" "$LIMA_USER" "$HOME_DIR"
		else
			find_owner || return
		fi
		note "Found: $LIMA_USER, for the instance in $INSTANCE_DIR."
	else
		find_account || return
		take_user "$LIMA_UID" "$LIMA_USER" "$HOME_DIR"
	fi
}

# The people with an account of this Mac's own, as lines "ID NAME". Apple gives
# them ids from 501 on; names of services begin with `_`.
local_users() {
	dscl . -list /Users UniqueID </dev/null 2>/dev/null |
		sed -n 's/^\([^_].*\)[[:space:]]\([0-9]\{3,10\}\)$/\2 \1/p'
}

# Whether the account $1 is hidden, as those are that a device management makes
# for itself.
is_hidden() {
	case $(dscl . -read "/Users/$1" IsHidden </dev/null 2>/dev/null) in
	*"IsHidden: 1" | *"IsHidden: YES" | *"IsHidden: yes" | *"IsHidden: true") return 0 ;;
	*) return 1 ;;
	esac
}

# The name of the user at the screen; at the login window that is not a person's.
user_at_screen() {
	stat -f %Su /dev/console 2>/dev/null
}

# Whether the folder $1 is an instance, and the user's own.
owns_instance() {
	as_user test -O "$1" && as_user test -O "$1/lima.yaml"
}

# Takes the user $2 with the id $1 and the home folder $3.
take_user() {
	LIMA_UID=$1
	LIMA_USER=$2
	HOME_DIR=$3
	INSTANCE_DIR=$(instance_dir_of "${HOME_DIR:-$LIMA_USER_HOME}")
}

# Looks at all local users: people who are not hidden, and who of all owns the
# instance. Lines "ID NAME" behind each other, with their names in words.
look_for_people() {
	listed=
	looked_at=
	people=
	people_words=
	owners=
	owners_words=
	hidden_owners=
	# The users are all read before one of them is asked.
	while read -r look_uid look_name <&3; do
		if [ -z "$look_name" ] || [ "$look_uid" -lt 500 ]; then
			continue
		fi
		LIMA_UID=$look_uid
		if ! look_home=$(home_of . "$look_name"); then
			USER_PROBLEM="the account \"$look_name\" of this Mac cannot be read"
			USER_ADVICE="Install again."
			return 1
		fi
		listed="$listed$look_uid $look_name$NEWLINE"
		# Without a home folder it is not a person's account; with an id that the
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
		look_line="$look_uid $look_name$NEWLINE"
		looked_at=$looked_at$look_line
		look_owns=no
		if owns_instance "$(instance_dir_of "$look_home")"; then
			look_owns=yes
		fi
		if is_hidden "$look_name"; then
			[ "$look_owns" = no ] || hidden_owners=$hidden_owners$look_line
			continue
		fi
		people=$people$look_line
		people_words=${people_words:+$people_words, }$look_name
		if [ "$look_owns" = yes ]; then
			owners=$owners$look_line
			owners_words=${owners_words:+$owners_words, }$look_name
		fi
	done 3<<END
$(local_users)
END
}

NEWLINE='
'

# Whether there is exactly one line in $1.
is_one() {
	[ -n "$1" ] && [ "${1%"$NEWLINE"*"$NEWLINE"}" = "$1" ]
}

# The line of $1 for the user named $2.
line_of() {
	printf '%s' "$1" | while read -r line_uid line_name; do
		if [ "$line_name" = "$2" ]; then
			printf '%s %s\n' "$line_uid" "$line_name"
		fi
	done
}

# Finds the one local user who owns the instance. Hidden accounts count only where
# nobody else has it. Where the package brings a template and nobody has the
# instance, it is for whom an earlier installation found, or for the one local
# user there is, or for who sits at the screen.
find_owner() {
	look_for_people || return
	USER_ADVICE="Or build the package for one user, with --user NAME."
	found_line=
	registered=
	if [ -f "$USER_FILE" ]; then
		registered=$(cat "$USER_FILE")
	fi
	# Somebody else may own an instance of this name. The one who is set up must not
	# be left for that.
	if [ -z "$(line_of "$looked_at" "$registered")" ] && [ -n "$(line_of "$listed" "$registered")" ]; then
		USER_PROBLEM="this is set up for $registered, whose home folder cannot be looked at"
		USER_ADVICE="Install again once it can. $USER_ADVICE"
		return 1
	fi
	if [ -n "$owners" ]; then
		if is_one "$owners"; then
			found_line=$owners
		else
			USER_PROBLEM="several users of this Mac have a Lima instance $INSTANCE: $owners_words"
			USER_ADVICE="Build the package for one of them, with --user NAME."
			return 1
		fi
	elif is_one "$hidden_owners"; then
		found_line=$hidden_owners
	elif [ -z "$people" ]; then
		USER_PROBLEM="this Mac has no local user with a home folder"
		return 1
	elif [ -z "$TEMPLATE" ]; then
		USER_PROBLEM="no user of this Mac owns a Lima instance $INSTANCE at \
${LIMA_HOME_DIR:-~/.lima}/$INSTANCE; looked at: $people_words"
		USER_ADVICE="Create it as its user (\"limactl create --name=$INSTANCE\") and install again. $USER_ADVICE"
		return 1
	else
		found_line=$(line_of "$people" "$registered")
		if [ -z "$found_line" ] && is_one "$people"; then
			found_line=$people
		fi
		if [ -z "$found_line" ]; then
			found_line=$(line_of "$people" "$(user_at_screen)")
		fi
		if [ -z "$found_line" ]; then
			USER_PROBLEM="no user of this Mac has a Lima instance $INSTANCE, and it could be created for any of: \
$people_words"
			USER_ADVICE="Install again while one of them is logged in at the screen. $USER_ADVICE"
			return 1
		fi
	fi
	found_name=${found_line#* }
	found_name=${found_name%"$NEWLINE"}
	take_user "${found_line%% *}" "$found_name" "$(home_of . "$found_name")"
	if [ -z "$owners$hidden_owners" ] && user_has "$INSTANCE_DIR"; then
		USER_PROBLEM="what is at $INSTANCE_DIR is not a Lima instance of $LIMA_USER's own"
		USER_ADVICE="Remove it and install again. $USER_ADVICE"
		return 1
	fi
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
