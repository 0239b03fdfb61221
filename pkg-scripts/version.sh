#!/bin/sh
# Versions of Lima, compared. It only defines functions.

# Whether the version $1 is later than $2: number by number, and with the same
# numbers where $2 is a beta (it goes on with a hyphen) and $1 is not.
is_newer() {
	vm_left=${1#v}
	vm_left=${vm_left%%[!0-9.]*}
	vm_right=${2#v}
	vm_right=${vm_right%%[!0-9.]*}
	while [ -n "$vm_left$vm_right" ]; do
		vm_one=${vm_left%%.*}
		vm_other=${vm_right%%.*}
		if [ "${vm_one:-0}" -gt "${vm_other:-0}" ] 2>/dev/null; then
			return 0
		fi
		if [ "${vm_one:-0}" -lt "${vm_other:-0}" ] 2>/dev/null; then
			return 1
		fi
		case $vm_left in
		*.*) vm_left=${vm_left#*.} ;;
		*) vm_left= ;;
		esac
		case $vm_right in
		*.*) vm_right=${vm_right#*.} ;;
		*) vm_right= ;;
		esac
	done
	case $1/$2 in
	*-*/*) return 1 ;;
	*/*-*) return 0 ;;
	*) return 1 ;;
	esac
}
