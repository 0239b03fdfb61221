#!/bin/sh
# Asks the status.sh of instances on this Mac, for a device manager. It is put behind
# lines that set what it reads. It only defines functions.
#
#   REPORT_FOLDER    the folder of the packages, with one for each instance
#   REPORT_INSTANCE  the instance; empty: every one that is installed
#
# A Mac without the package is not a failure: the answer is `not installed`. Answers
# begin with a word that managers can compare: see pkg-scripts/status.
# shellcheck disable=SC2153 # they are set before

set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL

REPORT_NEWLINE='
'

# Asks them: report_lines has a line for each with its name in front, report_running
# and report_down their names, a space before each.
report_ask() {
	report_lines=
	report_running=
	report_down=
	for report_status in "$REPORT_FOLDER/"*/status.sh; do
		report_name=${report_status%/status.sh}
		report_name=${report_name##*/}
		if [ ! -x "$report_status" ]; then
			continue
		fi
		if [ -n "$REPORT_INSTANCE" ] && [ "$REPORT_INSTANCE" != "$report_name" ]; then
			continue
		fi
		if report_words=$("$report_status" --words </dev/null 2>/dev/null); then
			report_running="$report_running $report_name"
		else
			report_down="$report_down $report_name"
		fi
		report_lines="$report_lines$report_name: ${report_words:-unknown}$REPORT_NEWLINE"
	done
}

# Prints the answer: of one instance its line, of several first whether all run.
report_answer() {
	report_ask
	if [ -z "$report_lines" ]; then
		printf 'not installed\n'
	elif [ -n "$REPORT_INSTANCE" ]; then
		printf '%s' "${report_lines#*: }"
	elif [ -n "$report_down" ]; then
		printf 'down:%s\n%s' "$report_down" "$report_lines"
	else
		printf 'all running\n%s' "$report_lines"
	fi
}
