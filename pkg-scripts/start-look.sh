#!/bin/sh
# What there is to say about the instance at this moment, for status.sh of a
# package. It only defines functions. It changes nothing, starts nothing, and
# waits for limactl no longer than VM_ASK_LIMIT.
#
# To limactl an instance is `Running` where the host agent and the driver that its
# pid files name are alive, `Stopped` where neither is, else `Broken`; and `Broken`
# where the host agent does not answer (pkg/store/instance.go). ps(1) tells the
# first three without limactl, which is asked only where a host agent lives.
# shellcheck disable=SC2034,SC2154 # one program with the other files of lima-start

# Tenths of a second that limactl has to answer.
VM_ASK_LIMIT=50

# Prints `NAME=VALUE` on one line, if there is a value.
vm_fact() {
	if [ -n "$2" ]; then
		printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n' ' ' | cut -c 1-1000)"
	fi
}

# The time in the words of ps(1), `Nov 28 17:41:34 2026`, of UTC, as RFC 3339 has it.
vm_time_of() {
	case $1 in
	Jan) vm_month=01 ;; Feb) vm_month=02 ;; Mar) vm_month=03 ;; Apr) vm_month=04 ;;
	May) vm_month=05 ;; Jun) vm_month=06 ;; Jul) vm_month=07 ;; Aug) vm_month=08 ;;
	Sep) vm_month=09 ;; Oct) vm_month=10 ;; Nov) vm_month=11 ;; Dec) vm_month=12 ;;
	*) return ;;
	esac
	printf '%s-%s-%02dT%sZ\n' "$4" "$vm_month" "$2" "$3"
}

# Finds out what the process is that the pid file $1 names: agent, driver, or
# nothing of this instance's, in vm_kind; its id in vm_pid, its start in vm_began.
vm_look_at() {
	vm_kind=
	vm_pid=$(vm_number_in "$1")
	[ -n "$vm_pid" ] || return
	vm_line=$(LC_ALL=C TZ=UTC0 ps -ww -p "$vm_pid" -o uid= -o lstart= -o command= 2>/dev/null)
	read -r vm_owner vm_weekday vm_name_of_month vm_day vm_clock vm_year vm_command <<END
$vm_line
END
	# A process of another user is none of the instance's.
	[ "$vm_owner" = "$vm_uid" ] || return
	vm_agents=
	vm_drivers=
	vm_starters=
	vm_sort_process
	if [ -n "$vm_agents" ]; then
		vm_kind=agent
	elif [ -n "$vm_drivers" ] || vm_is_driver "$vm_command"; then
		vm_kind=driver
	fi
	vm_began=$(vm_time_of "$vm_name_of_month" "$vm_day" "$vm_clock" "$vm_year")
}

# Finds the processes of the instance: vm_agent and vm_driver are their ids, or
# nothing. vm_stale is `yes` where a pid file names no process of the instance.
# The driver vz is part of the host agent, and has its id.
vm_look_for_both() {
	vm_agent=
	vm_driver=
	vm_since=
	vm_stale=no
	for vm_file in "$vm_dir/ha.pid" "$vm_dir"/*.pid; do
		if [ ! -f "$vm_file" ]; then
			continue
		fi
		vm_look_at "$vm_file"
		case $vm_kind in
		agent)
			vm_agent=$vm_pid
			vm_since=$vm_began
			[ "$vm_file" = "$vm_dir/ha.pid" ] || vm_driver=$vm_pid
			;;
		driver) vm_driver=$vm_pid ;;
		*) vm_stale=yes ;;
		esac
	done
}

# Asks limactl for the state of the instance, vm_word. Status 1: it does not
# answer, for the reason in vm_problem.
vm_ask_limactl() {
	vm_word=
	vm_has_limactl || return
	vm_problem="there is no room in /tmp for what limactl says"
	# Not a pipe: whoever limactl starts might keep that open.
	vm_answer=$(mktemp /tmp/lima-start.XXXXXX 2>/dev/null) || return
	(vm_become_limactl list --format '{{.Status}}' "$vm_name") </dev/null >"$vm_answer" 2>/dev/null &
	vm_asked=$!
	vm_waited=0
	while kill -0 "$vm_asked" 2>/dev/null; do
		if [ "$vm_waited" -ge "$VM_ASK_LIMIT" ]; then
			# A shell says that a process of its own was killed. One that hangs in
			# the system does not end even now, and is not waited for.
			{
				kill -KILL "$vm_asked"
				sleep 0.1
				kill -0 "$vm_asked" || wait "$vm_asked"
			} 2>/dev/null
			rm -f "$vm_answer"
			vm_problem="limactl list does not answer in $((VM_ASK_LIMIT / 10)) seconds"
			return 1
		fi
		sleep 0.1
		vm_waited=$((vm_waited + 1))
	done
	vm_word=$(vm_first_line "$vm_answer")
	rm -f "$vm_answer"
	vm_problem="limactl list says nothing about the instance"
	[ -n "$vm_word" ]
}

# The last that lima-start said in its log: the time and the words.
vm_last_said() {
	if [ -n "$vm_log" ] && [ -f "$vm_log" ]; then
		tail -c 65536 "$vm_log" 2>/dev/null | sed -n 's/^\([^ ]*\) lima-start: /\1 /p' | sed -n '$p'
	fi
}

# Prints what there is to say, a line each.
vm_look() {
	# As lima-start finds it, with the folder that LIMA_HOME may be a link to.
	vm_has_home || :
	vm_look_for_both
	vm_fact agent "$vm_agent"
	vm_fact driver "$vm_driver"
	vm_fact since "$vm_since"
	vm_fact stale "$vm_stale"
	case ${vm_agent:+agent}${vm_driver:+driver} in
	agentdriver) vm_word_of_files=Running ;;
	'') vm_word_of_files=Stopped ;;
	*) vm_word_of_files=Broken ;;
	esac
	if [ -z "$vm_agent" ]; then
		vm_fact files "$vm_word_of_files"
		vm_fact problem "$(
			# Looking whether the log can be written would make it.
			vm_log=
			vm_check
		)"
	elif vm_ask_limactl; then
		vm_fact limactl "$vm_word"
	else
		vm_fact files "$vm_word_of_files"
		vm_fact problem "$vm_problem"
	fi
	vm_message=$(vm_last_said)
	vm_fact message_time "${vm_message%% *}"
	case $vm_message in
	*' '*) vm_fact message "${vm_message#* }" ;;
	esac
}
