# SPDX-License-Identifier: GPL-2.0-or-later
"""A plugin for sos report: why vCPUs hang, and a capsule of their MMUs.

Copy it to sos/report/plugins/kvmmmu.py in Python's site-packages. It needs root, and a kernel that is not locked down. The
capsule contains addresses of host and guests, but neither guest memory nor names of processes.
"""

from sos.report.plugins import DebianPlugin, IndependentPlugin, Plugin, RedHatPlugin, UbuntuPlugin

CAPSULE = "capsule", "also add a capsule, which kvmmmu reads like a dump"

try:
    from sos.report.plugins import PluginOpt
    OPTIONS = [PluginOpt(CAPSULE[0], default=True, desc=CAPSULE[1])]
except ImportError:  # sos 4.0, as in Debian 12
    OPTIONS = [(*CAPSULE, "fast", True)]


class Kvmmmu(Plugin, IndependentPlugin, RedHatPlugin, DebianPlugin, UbuntuPlugin):

    short_desc = "Page faults of KVM guests"
    plugin_name = "kvmmmu"
    profiles = ("virt", "kernel")
    packages = ("kvmmmu",)
    option_list = OPTIONS

    def setup(self):
        self.add_cmd_output(["kvmmmu live explain", "kvmmmu live vms", "kvmmmu live report --redact"], timeout=120)
        if self.get_option("capsule"):
            # standard output is the capsule itself
            self.add_cmd_output("kvmmmu live capture -o -", suggest_filename="host.kvmmmu", binary=True, timeout=120)
