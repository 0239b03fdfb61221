# shellcheck shell=sh disable=SC2034 # the scripts that read this file use them
# What the scripts need to know about this instance. Written by
# lima-autostart; every line is a whole value.

# The instance, and the version of the package that starts it.
INSTANCE={{ instance }}
VERSION={{ version }}
# boot: a LaunchDaemon starts it. login: the user's LaunchAgent does.
CONDITION={{ condition }}
# The account it runs as, and the home folder that the settings assume.
LIMA_USER={{ user }}
LIMA_USER_HOME={{ home }}
# The program, and the folder of the instance.
LIMACTL={{ limactl }}
INSTANCE_DIR={{ instance_dir }}
# launchd's names for it, one for each condition.
DAEMON_LABEL={{ daemon_label }}
AGENT_LABEL={{ agent_label }}
# The package's own folder.
SUPPORT_DIR={{ support_dir }}
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT={{ exit_timeout }}
TIME_LIMIT={{ time_limit }}
# yes: an instance that could not be started is a failed installation.
REQUIRE_START={{ require_start }}
# The receipts of the two packages.
INSTALLER_ID={{ installer_id }}
UNINSTALLER_ID={{ uninstaller_id }}
