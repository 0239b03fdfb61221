#!/bin/sh
# What an earlier run left in the instance's folder. It only defines functions.
#
# Lima takes a pid file for a living process when signal 0 reaches the process of
# that number, or is not permitted (pkg/store/instance.go, ReadPIDFile). After a
# restart the number is often another program's: "vz driver is running but host
# agent is not", for good (lima-vm/lima#5087). The vz driver never removes its
# file, and a power cut leaves all of them, some of them empty.
#
# A file is removed only when nothing of the instance lives: a second VM on the
# same disk would destroy it (the review of lima-vm/lima#5088).
# shellcheck disable=SC2034,SC2154 # one program with the other files of lima-start

# The file that tells in which boot lima-start last started the instance. It has
# none of the suffixes that Lima removes.
VM_BOOT_FILE=lima-start.boot

# What is another at each boot, whatever the clock says.
vm_find_boot() {
	vm_boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null) && [ -n "$vm_boot" ] ||
		vm_boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null) || vm_boot=
}

# Prints the first line of the file $1, if it is one: not a folder, not a fifo,
# and no more than 80 bytes of it.
vm_first_line() {
	if [ -f "$1" ]; then
		head -c 80 "$1" 2>/dev/null | tr -d '\000' | sed 1q
	fi
}

# Writes down that what is in the folder from now on is of this boot.
vm_note_boot() {
	vm_new=$vm_dir/$VM_BOOT_FILE.$$
	rm -f "$vm_new"
	if { printf '%s\n' "$vm_boot" >"$vm_new" && vm_put_in_place "$vm_new" "$vm_dir/$VM_BOOT_FILE"; } 2>/dev/null; then
		return
	fi
	rm -f "$vm_new" 2>/dev/null
	vm_say "$vm_dir cannot be written: is the disk full? The VM is started all the same."
}

# Removes what earlier runs left. Nothing of the instance may live. Status 1: a
# pid file names a process that may be the instance's.
vm_remove_stale() {
	vm_find_boot
	vm_other_boot=no
	vm_before=$(vm_first_line "$vm_dir/$VM_BOOT_FILE")
	if [ -n "$vm_boot" ] && [ -n "$vm_before" ] && [ "$vm_boot" != "$vm_before" ]; then
		vm_other_boot=yes
	fi
	for vm_file in "$vm_dir"/*.pid; do
		vm_pid=$(vm_number_in "$vm_file")
		# A process of the last boot is gone, whatever cannot be seen of those there are.
		if [ -z "$vm_pid" ] || vm_is_foreign "$vm_pid" || [ "$vm_other_boot$vm_listed" = yesyes ]; then
			continue
		fi
		vm_problem="$vm_file names process $vm_pid, which may be the VM's driver"
		return 1
	done
	vm_removed=
	for vm_file in "$vm_dir"/*.pid "$vm_dir"/*.sock "$vm_dir"/*.tmp; do
		if { [ -e "$vm_file" ] || [ -L "$vm_file" ]; } && { [ -L "$vm_file" ] || [ ! -d "$vm_file" ]; }; then
			rm -f "$vm_file" && vm_removed="$vm_removed ${vm_file##*/}"
		fi
	done
	if [ -z "$vm_removed" ]; then
		return 0
	fi
	if [ "$vm_other_boot" = yes ]; then
		vm_say "Removed what the last boot left in $vm_dir:$vm_removed."
	else
		vm_say "Removed what belongs to no process any more in $vm_dir:$vm_removed."
	fi
}
