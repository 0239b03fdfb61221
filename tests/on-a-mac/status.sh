#!/bin/bash
# What status.sh rests on, and what it says of the job of on-a-mac.sh, which runs a
# limactl that is none: there is no host agent, so the VM counts as not there. It only
# defines functions.
# shellcheck disable=SC2154 # on-a-mac.sh sets what it uses

look_at_status() {
	matches 'ps prints a start as status.sh reads it' \
		"^ *$uid [A-Z][a-z][a-z] [A-Z][a-z][a-z]  *[0-9]* [0-9][0-9]:[0-9][0-9]:[0-9][0-9] 20[0-9][0-9]  *.*bash" \
		"$(LC_ALL=C TZ=UTC0 ps -ww -p $$ -o uid= -o lstart= -o command=)"
	matches 'print-disabled says enabled or disabled' '^[[:space:]]*"[^"]*" => \(enabled\|disabled\)$' \
		"$(launchctl print-disabled system)"
	matches 'sleep takes a tenth of a second' '^0$' "$(sleep 0.1; echo $?)"
	for look_as in 'sudo -n' env; do
		# shellcheck disable=SC2086 # words
		look_said=$($look_as "$support/status.sh")
		is "status.sh ends with 1 where no VM runs ($look_as)" 1 "$?"
		for look_key in "instance $name" 'state waiting' 'loaded true' "pid $(field "system/$daemon" pid)" \
			"user $user" 'lima_status Stopped'; do
			is "${look_key%% *} is said ($look_as)" "${look_key#* }" \
				"$(printf '%s' "$look_said" | plutil -extract "${look_key%% *}" raw -o - -)"
		done
		matches "and a boot's id ($look_as)" '"boot_id":"[0-9A-F-]*"' "$look_said"
	done
}
