# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about this instance. Written by
# lima-autostart; every line is a whole value.

# The instance, and the version of the package that starts it.
INSTANCE=k3s
VERSION=1.2
# boot: a LaunchDaemon starts it. login: the user's LaunchAgent does.
CONDITION=boot
# The account it runs as, and the home folder that the settings assume. Empty:
# found when the package is installed.
LIMA_USER=alice
LIMA_USER_HOME=/Users/alice
# The program, or `auto`; LIMA_HOME, where the settings give one.
LIMACTL=/opt/io.lima-vm/lima/current/bin/limactl
LIMA_HOME_DIR=
# What the instance is created from where there is none (empty: it is not).
TEMPLATE='/Library/Application Support/io.lima-vm/k3s/template.yaml'
# launchd's names for it, one for each condition.
DAEMON_LABEL=io.lima-vm.daemon.k3s
AGENT_LABEL=io.lima-vm.autostart.k3s
# The package's own folder, where the package puts the property list, and the
# program that the job runs.
SUPPORT_DIR='/Library/Application Support/io.lima-vm/k3s'
PACKAGED_PLIST=/Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist
LIMA_START='/Library/Application Support/io.lima-vm/k3s/lima-start'
# The folders of its logs: for boot, and for login below the home folder.
DAEMON_LOGS=/Library/Logs/io.lima-vm/k3s
AGENT_LOGS=Library/Logs/io.lima-vm/k3s
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT=240
TIME_LIMIT=600
# yes: an instance that does not run in the end is a failed installation.
REQUIRE_START=no
# What packages bring beside the instances: where it lies, what its receipts begin
# with, and what has shells find it. BUNDLED_LIMA: yes, where this instance uses
# it; BUNDLED: yes, where it uses any of it.
LIMA_ROOT=/opt/io.lima-vm/lima
LIMA_ID=io.lima-vm.lima
PATHS_D=/private/etc/paths.d/io.lima-vm.lima
BUNDLED=yes
BUNDLED_LIMA=yes
# The receipts of the two packages.
INSTALLER_ID=io.lima-vm.installer.k3s
UNINSTALLER_ID=io.lima-vm.uninstaller.k3s
