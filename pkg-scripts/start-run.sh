#!/bin/sh
# Runs the instance, says why it ended, and how long is waited before the next
# try. It only defines functions.
# shellcheck disable=SC2034,SC2154 # one program with the other files of lima-start

# How long is waited before the next try: 30 seconds, then twice as long each
# time, up to ten minutes.
vm_lengthen_pause() {
	vm_failures=$((vm_failures + 1))
	vm_pause=30
	vm_doubled=1
	while [ "$vm_doubled" -lt "$vm_failures" ] && [ "$vm_pause" -lt 600 ]; do
		vm_pause=$((vm_pause * 2))
		vm_doubled=$((vm_doubled + 1))
	done
	if [ "$vm_pause" -gt 600 ]; then
		vm_pause=600
	fi
}

# Why the host agent ended, as its log has it (pkg/hostagent/hostagent.go): person
# (`limactl stop` sends SIGINT), guest (it was switched off from inside), or
# nothing.
vm_reason() {
	if [ ! -f "$vm_dir/ha.stderr.log" ]; then
		return
	fi
	sed -n -e '/Received SIGINT, shutting down/s/.*/person/p' \
		-e '/Driver stopped due to error: .*vz driver state stopped/s/.*/guest/p' \
		-e '/Driver stopped due to error: .*%!q(/s/.*/guest/p' \
		-e '/Driver stopped due to error: /s/.*/crash/p' "$vm_dir/ha.stderr.log" | sed 1q
}

# Has limactl run the instance until it ends. vm_why says why it ended.
vm_run() {
	# limactl makes a new one; of the last run nothing must be taken for this one's.
	if [ -e "$vm_dir/ha.stderr.log" ] || [ -L "$vm_dir/ha.stderr.log" ]; then
		vm_put_in_place "$vm_dir/ha.stderr.log" "$vm_dir/ha.stderr.previous.log" 2>/dev/null ||
			rm -f "$vm_dir/ha.stderr.log" 2>/dev/null
	fi
	vm_note_boot
	vm_say "Starting the instance: $vm_limactl $*"
	vm_open_log
	vm_started=$(date +%s)
	[ "$vm_ending" = no ] || return
	(vm_become_limactl "$@") </dev/null >&3 2>&3 3>&- &
	vm_child=$!
	vm_wait_for_child
	vm_ran=$(($(date +%s) - vm_started))
	vm_why=$(vm_reason)
	vm_clean_up
}

# Nothing of the instance is left when limactl has ended.
vm_clean_up() {
	vm_look_around
	if [ -n "$vm_drivers" ] && [ -z "$vm_agents$vm_starters$vm_others" ]; then
		vm_end_drivers
	fi
}

# Says what became of the VM. Status 0: it is to stay stopped.
vm_judge() {
	vm_until="It stays stopped until the next boot or login."
	case $vm_keep_alive/$vm_why in
	always/person | always/guest)
		vm_pause=30
		vm_failures=0
		vm_say "The VM was stopped. It is kept alive, and started again in $vm_pause seconds."
		return 1
		;;
	*/person)
		vm_say "The VM was stopped by a person (limactl stop). $vm_until"
		return 0
		;;
	*/guest)
		vm_say "The VM was switched off from inside. $vm_until"
		return 0
		;;
	never/*)
		vm_say "limactl ended with status $vm_status. $vm_until"
		return 0
		;;
	on-failure/)
		if [ "$vm_status" -eq 0 ]; then
			vm_say "limactl ended, and nothing says that the VM crashed. $vm_until"
			return 0
		fi
		;;
	esac
	if [ "$vm_ran" -ge 600 ]; then
		vm_failures=0
	fi
	vm_lengthen_pause
	vm_say_once "limactl ended with status $vm_status; $vm_dir/ha.stderr.log and serial*.log may say why." \
		"The next try is in $vm_pause seconds."
	return 1
}
