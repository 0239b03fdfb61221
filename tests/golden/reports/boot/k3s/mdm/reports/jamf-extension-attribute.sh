#!/bin/sh
# Tells Jamf Pro whether the Lima VM k3s of this Mac runs.
# One file made of several, so that it needs none beside it.
# shellcheck disable=SC1003,SC2016,SC2034,SC2089,SC2090,SC2154,SC2317 # literal values; a part of what is defined is used

# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; what is behind reads them
# What the report is about. Written by lima-autostart; every line is a whole value.
REPORT_FOLDER='/Library/Application Support/io.lima-vm'
REPORT_INSTANCE=k3s

<pkg-scripts/report.sh>

<pkg-scripts/report-jamf>
