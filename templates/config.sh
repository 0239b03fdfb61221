# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about this instance. Written by
# lima-autostart; every line is a whole value.

# The instance, and the version of the package that starts it.
INSTANCE={{ instance }}
VERSION={{ version }}
# boot: a LaunchDaemon starts it. login: the user's LaunchAgent does.
CONDITION={{ condition }}
# The account it runs as, and the home folder that the settings assume. Empty:
# found when the package is installed, as is all that is empty below.
LIMA_USER={{ user }}
LIMA_USER_HOME={{ home }}
# The program, LIMA_HOME, and the folder of the instance in it.
LIMACTL={{ limactl }}
LIMA_HOME_DIR={{ lima_home }}
INSTANCE_DIR={{ instance_dir }}
# Its PATH; and yes, where the settings give another one, which wins.
SEARCH_PATH={{ search_path }}
SETS_PATH={{ sets_path }}
# What the instance is created from where there is none (empty: it is not), and
# the environment for that, each word for printf's %b.
TEMPLATE={{ template }}
ENVIRONMENT={{ environment }}
# launchd's names for it, one for each condition.
DAEMON_LABEL={{ daemon_label }}
AGENT_LABEL={{ agent_label }}
# The package's own folder, and where the package puts the property list.
SUPPORT_DIR={{ support_dir }}
PACKAGED_PLIST={{ packaged_plist }}
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT={{ exit_timeout }}
TIME_LIMIT={{ time_limit }}
# yes: an instance that could not be started is a failed installation.
REQUIRE_START={{ require_start }}
# The receipts of the two packages.
INSTALLER_ID={{ installer_id }}
UNINSTALLER_ID={{ uninstaller_id }}
