#!/bin/sh
# Writes JSON (RFC 8259). It only defines functions, and needs LC_ALL=C.

# Makes JSON_CONTROLS, which has sed write control characters as JSON escapes.
# Not the newline, which sed does not see.
json_begin() {
	JSON_CONTROLS=
	for json_high in 0 1; do
		for json_low in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
			case $json_high$json_low in
			00 | 0a) continue ;;
			esac
			json_octal=$(printf '%03o' "0x$json_high$json_low")
			# shellcheck disable=SC2059 # the character itself
			json_character=$(printf "\\$json_octal")
			JSON_CONTROLS="${JSON_CONTROLS}s/$json_character/\\\\u00$json_high$json_low/g;"
		done
	done
}

# Prints $1 as UTF-8: of a text that is not, every byte beyond ASCII becomes a
# question mark.
json_utf8() {
	if json_same=$(printf '%s' "$1" | iconv -f UTF-8 -t UTF-8 2>/dev/null) && [ "$json_same" = "$1" ]; then
		printf '%s\n' "$1"
	else
		printf '%s\n' "$1" | tr '\200-\377' '?'
	fi
}

# Prints $1 as a string; null where it is empty.
json_text() {
	if [ -z "$1" ]; then
		printf null
		return
	fi
	json_escaped=$(json_utf8 "$1" |
		sed -e ':a' -e '$!N' -e '$!ba' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e "$JSON_CONTROLS" -e 's/\n/\\n/g')
	printf '"%s"' "$json_escaped"
}

# Prints $1 as a number; null where it is none.
json_number() {
	case $1 in
	0 | [1-9] | [1-9][0-9]*) ;;
	*)
		printf null
		return
		;;
	esac
	case $1 in
	*[!0-9]* | ???????????*) printf null ;;
	*) printf '%s' "$1" ;;
	esac
}
