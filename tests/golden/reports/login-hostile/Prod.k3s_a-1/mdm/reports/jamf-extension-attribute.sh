#!/bin/sh
# Tells Jamf Pro whether the Lima VM Prod.k3s_a-1 of this Mac runs.
# One file made of several, so that it needs none beside it.
# shellcheck disable=SC1003,SC2016,SC2034,SC2089,SC2090,SC2154,SC2317 # literal values; a part of what is defined is used

# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; what is behind reads them
# What the report is about. Written by lima-autostart; every line is a whole value.
REPORT_FOLDER='/Library/Application Support/com.example.R-D'
REPORT_INSTANCE=Prod.k3s_a-1

<pkg-scripts/report.sh>

<pkg-scripts/report-jamf>
