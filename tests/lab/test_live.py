# SPDX-License-Identifier: GPL-2.0-or-later
"""The program and gdb on a running kernel, through /proc/kcore, in the lab's machine while its VMs run.

Then the VMs end, kvm's modules are unloaded, and loaded again: one session must not believe what it read before."""

import re
import shutil
import subprocess
import sysconfig
import time

import pytest

import schema
from tools import BUILD, TOP, kernel, lab, need_lab

GEN = "7.3"
# Runs in parallel to the lab's own init and prints the program's answers on the console.
INIT = """#!/bin/busybox sh
ask()
{
	while ! /bin/busybox grep -q vmm-beta /proc/[0-9]*/comm; do /bin/busybox sleep 1; done
	/bin/busybox sleep 3
	for question in 'live vms' '/proc/kcore vms -j' 'live perms -j' 'live slots -j'; do
		echo "@@ $question"
		/kvmmmu $question
		echo "@@ exit $?"
	done
	echo "@@ gdb"
	/usr/bin/gdb -nx -q -batch -ex 'core-file /proc/kcore' -ex 'source /gdb/kvmmmu.py' -ex 'kvmmmu vms -j'
	echo "@@ exit $?"
	echo "@@ watch"
	{ /bin/busybox sleep 5; /change end; } &
	/kvmmmu live explain --watch 1000 0:0
	echo "@@ exit $?"
	/change unload
	/change start
	echo "@@ session"
	/usr/bin/gdb -nx -q -batch -ex 'core-file /proc/kcore' -ex 'source /gdb/kvmmmu.py' -ex 'kvmmmu vms -j' \
		-ex 'shell /change end' -ex 'kvmmmu vms -j' -ex 'shell /change unload' -ex 'kvmmmu vms -j' \\
		-ex 'shell /change start' -ex 'kvmmmu vms -j'
	echo "@@ exit $?"
	echo "@@ done"
}
/bin/busybox mount -t devtmpfs dev /dev
ask >/dev/ttyS2 2>&1 &
exec /init
"""
# end: the VMs end; unload: kvm, too; start: both are there again.
CHANGE = """#!/bin/busybox sh
export PATH=/bin
echo "## $1"
case $1 in
end)
	for comm in /proc/[0-9]*/comm; do
		grep -qs vmm- $comm && kill -9 $(basename $(dirname $comm))
	done
	while ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q kvm-vm; do sleep 1; done
	sleep 1
	;;
unload)
	until rmmod kvm_amd; do sleep 1; done
	until rmmod kvm; do sleep 1; done
	;;
start)
	insmod /modules/kvm.ko
	insmod /modules/kvm-amd.ko
	/vmm vms 0123456789abcdef0123456789abcdef >/dev/null
	;;
esac
"""


def overlay(folder):
    """Make an archive with the program, gdb and the files they load, to be unpacked over the lab's image."""
    root = folder / "root"
    libraries = subprocess.run(["ldd", BUILD / "kvmmmu", BUILD / "libkvmmmu-gdb.so", "/usr/bin/gdb"], text=True,
                               check=True, stdout=subprocess.PIPE).stdout
    for file in {"/usr/bin/gdb", *re.findall(r"\s(/\S+) \(", libraries)}:
        to = root / file.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
        to.chmod(0o755)
    python = sysconfig.get_path("stdlib")
    for tree in python, "/usr/share/gdb":
        shutil.copytree(tree, root / tree.lstrip("/"), symlinks=True,
                        ignore=shutil.ignore_patterns("test", "config-*", "lib2to3", "idlelib"))
    for file in BUILD / "libkvmmmu-gdb.so", *(TOP / "gdb").glob("*.py"):
        (root / "gdb").mkdir(exist_ok=True)
        shutil.copy(file, root / "gdb")
    shutil.copy(BUILD / "kvmmmu", root / "kvmmmu")
    for name, text in ("live", INIT), ("change", CHANGE):
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    archive = subprocess.run("find . | cpio -o -H newc --quiet", shell=True, cwd=root, check=True,
                             stdout=subprocess.PIPE).stdout
    shutil.rmtree(root)
    return archive


def boot(image, serial):
    """Boot until the program has answered everything or the emulated kernel has failed; return the answers."""
    for file in serial:
        file.write_text("")
    run = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", lab("tool", "qemu") / "qemu-system-x86_64", "-nodefaults",
         "-no-user-config", "-display", "none", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu",
         "max,+svm,+npt,la57=off", "-smp", "2", "-m", "512M", "-kernel", kernel(GEN) / "vmlinuz",
         "-initrd", image, "-append", "console=ttyS0 panic=0 rdinit=/live 8250.nr_uarts=4",
         *(word for file in serial for word in ("-serial", f"file:{file}"))])
    try:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and run.poll() is None:
            time.sleep(0.5)
            if "Kernel panic" in serial[0].read_text(errors="replace"):
                break
            if "@@ done" in serial[2].read_text(errors="replace"):
                break
    finally:
        run.kill()
        run.wait()
    return serial[2].read_text(errors="replace").replace("\r", "")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Return a dictionary from question to (exit code, output)."""
    need_lab()
    folder = tmp_path_factory.mktemp("live")
    image = folder / "initrd"
    subprocess.run([TOP / "scripts/lab/image", GEN, image], check=True)
    with open(image, "ab") as file:
        file.write(b"\0" * (-file.tell() % 4) + overlay(folder))
    serial = [folder / name for name in ("console", "truth", "said")]
    for _attempt in range(3):  # the emulation of nested guests sometimes makes the kernel fail
        text = boot(image, serial)
        if "@@ done" in text:
            break
    image.unlink()
    assert "@@ done" in text, serial[0].read_text(errors="replace")[-2000:]
    return {question: (int(code), out) for question, out, code
            in re.findall(r"@@ (.*)\n((?:.*\n)*?)@@ exit (\d+)\n", text)}


def test_every_vm_is_there(said):
    code, out = said["live vms"]
    assert code == 0, out
    assert {f"vmm-{name}" for name in ("alpha", "beta", "gamma", "delta")} <= set(re.findall(r"vmm-\w+", out))
    code, out = said["/proc/kcore vms -j"]
    answer = schema.parse(out)
    assert code == 0 and len(answer["vms"]) == 4 and answer["source"]["dump"] == "/proc/kcore"
    assert all(vm["vcpus"] for vm in answer["vms"])


def test_gdb(said):
    code, out = said["gdb"]
    assert code == 0, out
    answer = schema.parse(out[out.index("{"):])
    assert "it is the running kernel" in answer["notes"][0] and answer["source"]["dump"] == "/proc/kcore"
    ours = schema.parse(said["/proc/kcore vms -j"][1])
    assert [[vm["vm"]["address"], *(vcpu["address"] for vcpu in vm["vcpus"])] for vm in answer["vms"]] == [
        [vm["vm"]["address"], *(vcpu["address"] for vcpu in vm["vcpus"])] for vm in ours["vms"]]


def test_tables_of_a_healthy_kernel_match(said):
    code, out = said["live perms -j"]
    tables = schema.parse(out)["tables"]
    assert code == 0 and sum(t["status"] == "matches" for t in tables) >= 5
    assert {t["status"] for t in tables} <= {"matches", "unused", "paging-off"}


def test_memslots(said):
    code, out = said["live slots -j"]
    assert code == 0 and sum(len(m["slots"]) for m in schema.parse(out)["memslots"]) >= 8


def test_a_vm_that_ends_while_it_is_watched(said):
    code, out = said["watch"]
    assert code == 3, out
    assert re.search(r"after \d+ samples?\b", out) and "the VM has ended: there is no struct kvm_vcpu 0x" in out, out


def test_vms_and_modules_that_go_away_within_one_session(said):
    """gdb stays; the modules that are loaded again are at pages that were not mapped before."""
    code, out = said["session"]
    before, ended, unloaded, again = re.split(r"(?m)^## .*\n", out)
    assert "{" not in unloaded and "kvm is not loaded in this kernel" in unloaded, unloaded
    assert code == 0 and all("{" in text for text in (before, ended, again)), out[-2000:]
    vms = [schema.parse(text[text.index("{"):])["vms"] for text in (before, ended, again)]
    assert [len(v) for v in vms] == [4, 0, 4] and all(vm["vcpus"] for vm in vms[2]), out[-2000:]
