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
# found when the package is installed.
LIMA_USER={{ user }}
LIMA_USER_HOME={{ home }}
# The program, or `auto`; LIMA_HOME, where the settings give one.
LIMACTL={{ limactl }}
LIMA_HOME_DIR={{ lima_home }}
# What the instance is created from where there is none (empty: it is not).
TEMPLATE={{ template }}
# launchd's names for it, one for each condition.
DAEMON_LABEL={{ daemon_label }}
AGENT_LABEL={{ agent_label }}
# The package's own folder, where the package puts the property list, and the
# program that the job runs.
SUPPORT_DIR={{ support_dir }}
PACKAGED_PLIST={{ packaged_plist }}
LIMA_START={{ lima_start }}
# The folders of its logs: for boot, and for login below the home folder.
DAEMON_LOGS={{ daemon_logs }}
AGENT_LOGS={{ agent_logs }}
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT={{ exit_timeout }}
TIME_LIMIT={{ time_limit }}
# yes: an instance that does not run in the end is a failed installation.
REQUIRE_START={{ require_start }}
# What packages bring beside the instances: where it lies, what its receipts begin
# with, and what has shells find it. BUNDLED_LIMA: yes, where this instance uses
# it; BUNDLED: yes, where it uses any of it.
LIMA_ROOT={{ lima_root }}
LIMA_ID={{ lima_id }}
PATHS_D={{ paths_d }}
BUNDLED={{ bundled }}
BUNDLED_LIMA={{ bundled_lima }}
# The receipts of the two packages.
INSTALLER_ID={{ installer_id }}
UNINSTALLER_ID={{ uninstaller_id }}
