# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about this instance. Written by
# lima-autostart; every line is a whole value.

# The instance, and the version of the package that starts it.
INSTANCE=Prod.k3s_a-1
VERSION=1.2
# boot: a LaunchDaemon starts it. login: the user's LaunchAgent does.
CONDITION=boot
# The account it runs as, and the home folder that the settings assume. Empty:
# found when the package is installed.
LIMA_USER=_o.neil-9
LIMA_USER_HOME='/Users/O'\''Neil "x" & <Söhne>/$(touch planted) `id` \'
# The program, or `auto`; LIMA_HOME, where the settings give one.
LIMACTL='/opt/it'\''s "lima" %n & <co> \d/$HOME; id/limactl'
LIMA_HOME_DIR='/Volumes/My Disk'\''s "x" %h %% $HOME \ '
# What the instance is created from where there is none (empty: it is not).
TEMPLATE='/Library/Application Support/com.example.R-D/Prod.k3s_a-1/template.yaml'
# launchd's names for it, one for each condition.
DAEMON_LABEL=io.lima-vm.daemon.Prod.k3s_a-1
AGENT_LABEL=io.lima-vm.autostart.Prod.k3s_a-1
# The package's own folder, where the package puts the property list, and the
# program that the job runs.
SUPPORT_DIR='/Library/Application Support/com.example.R-D/Prod.k3s_a-1'
PACKAGED_PLIST=/Library/LaunchDaemons/io.lima-vm.daemon.Prod.k3s_a-1.plist
LIMA_START='/Library/Application Support/com.example.R-D/Prod.k3s_a-1/lima-start'
# The folders of its logs: for boot, and for login below the home folder.
DAEMON_LOGS=/Library/Logs/com.example.R-D/Prod.k3s_a-1
AGENT_LOGS=Library/Logs/com.example.R-D/Prod.k3s_a-1
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT=400
TIME_LIMIT=700
# yes: an instance that does not run in the end is a failed installation.
REQUIRE_START=yes
# What packages bring beside the instances: where it lies, what its receipts begin
# with, and what has shells find it. BUNDLED_LIMA: yes, where this instance uses
# it; BUNDLED: yes, where it uses any of it.
LIMA_ROOT=/opt/com.example.R-D/lima
LIMA_ID=com.example.R-D.lima
PATHS_D=/private/etc/paths.d/com.example.R-D.lima
BUNDLED=
BUNDLED_LIMA=
# The receipts of the two packages.
INSTALLER_ID=com.example.R-D.installer.Prod.k3s_a-1
UNINSTALLER_ID=com.example.R-D.uninstaller.Prod.k3s_a-1
