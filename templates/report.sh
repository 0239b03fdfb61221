# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; what is behind reads them
# What the report is about. Written by lima-autostart; every line is a whole value.
REPORT_FOLDER={{ folder }}
REPORT_INSTANCE={{ instance }}
