# SPDX-License-Identifier: GPL-2.0-or-later
"""fleet over ssh and under Slurm: real sshd, slurmctld and slurmd, all on this machine. "make fleet" runs it, as root."""

import os
import socket
import subprocess
import time

import pytest

from test_fleet import check_rows, fleet, inputs, rows, truth  # noqa: F401 (fixtures)
from tools import BUILD, TOP


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    """A process that is ended with the test, and whose last words are shown if it does not get ready."""

    def __init__(self, path, *words, **options):
        self.log = path / f"{os.path.basename(words[0])}.log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, **options)

    def wait_for(self, ready):
        end = time.monotonic() + 60
        while not ready():
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()[-2000:]
            time.sleep(0.2)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def answers(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, **options).returncode == 0


@pytest.fixture
def ssh(tmp_path):
    port = free_port()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key], check=True)
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 0.0.0.0\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\n"
        "StrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nMaxStartups 100\n")
    (tmp_path / "ssh_config").write_text(
        f"Port {port}\nIdentityFile {tmp_path}/user\nUserKnownHostsFile {tmp_path}/known\nStrictHostKeyChecking no\n"
        "BatchMode yes\nLogLevel ERROR\n")
    # sshd wants a directory in /run: it gets a /run of its own
    daemon = Daemon(tmp_path, "unshare", "--mount", "sh", "-c",
                    "mount -t tmpfs run /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -e -f \"$0\"", tmp_path / "sshd_config")
    command = ["ssh", "-F", tmp_path / "ssh_config"]
    daemon.wait_for(lambda: answers(*command, "127.0.0.1", "true"))
    yield " ".join(map(str, command))
    daemon.stop()


def test_two_machines(tmp_path, ssh, inputs, truth):  # noqa: F811
    path = tmp_path / "fleet"
    fleet("run", path, "-", stdin="".join(f"{file}\n" for file in inputs), PARALLEL_SSH=ssh,
          PARALLEL="--sshlogin 1/127.0.0.1,1/127.0.0.2")
    check_rows(path, inputs, truth)
    assert {host for host, in rows(path, "SELECT DISTINCT asked_on FROM answer")} == {"127.0.0.1", "127.0.0.2"}


def test_a_machine_that_is_down(tmp_path, ssh, inputs, truth):  # noqa: F811
    """Nothing listens at 127.0.0.3's port: its jobs are tried elsewhere."""
    path = tmp_path / "fleet"
    with open(tmp_path / "ssh_config", "a", encoding="utf-8") as config:
        config.write("Host 127.0.0.3\nProxyCommand false\n")
    fleet("run", path, "-", stdin="".join(f"{file}\n" for file in inputs), PARALLEL_SSH=ssh,
          PARALLEL="--sshlogin 1/127.0.0.1,1/127.0.0.3 --filter-hosts")
    check_rows(path, inputs, truth)


@pytest.fixture
def slurm(tmp_path):
    name = socket.gethostname().split(".")[0]
    (tmp_path / "key").write_bytes(os.urandom(1024))
    (tmp_path / "key").chmod(0o400)
    for directory in ("state", "spool", "munge"):
        (tmp_path / directory).mkdir(mode=0o755)
    control, node = free_port(), free_port()
    config = tmp_path / "slurm.conf"
    config.write_text(f"""ClusterName=test
SlurmctldHost={name}(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={tmp_path}/munge/socket
StateSaveLocation={tmp_path}/state
SlurmdSpoolDir={tmp_path}/spool
SlurmctldPidFile={tmp_path}/slurmctld.pid
SlurmdPidFile={tmp_path}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
NodeName={name} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes={name} Default=YES State=UP
""")
    environment = os.environ | {"SLURM_CONF": str(config), "KVMMMU": str(BUILD / "kvmmmu")}
    daemons = [Daemon(tmp_path, "/usr/sbin/munged", "-F", "--force", "--key-file", tmp_path / "key",
                      "--socket", tmp_path / "munge" / "socket", "--pid-file", tmp_path / "munge" / "pid",
                      "--log-file", tmp_path / "munge" / "log", "--seed-file", tmp_path / "munge" / "seed")]
    daemons[0].wait_for((tmp_path / "munge" / "socket").exists)
    daemons.append(Daemon(tmp_path, "/usr/sbin/slurmctld", "-D", "-f", config, env=environment))
    daemons[1].wait_for(lambda: answers("sinfo", env=environment))
    daemons.append(Daemon(tmp_path, "/usr/sbin/slurmd", "-D", "-N", name, "-f", config, env=environment))
    daemons[2].wait_for(lambda: b"idle" in subprocess.run(["sinfo", "-h", "-o", "%t"], env=environment,
                                                          capture_output=True).stdout)
    yield environment
    for daemon in reversed(daemons):
        daemon.stop()


def test_slurm(tmp_path, slurm, inputs, truth):  # noqa: F811
    path = tmp_path / "fleet"
    run = fleet("prepare", path, "-", stdin="".join(f"{file}\n" for file in inputs)).stdout.strip()
    subprocess.run(["sbatch", "--array=1-5", "--requeue", "--wait", "--mem=0", "--output", tmp_path / "slurm-%a.log",
                    TOP / "scripts" / "fleet" / "slurm", run], env=slurm, check=True, timeout=3600)
    fleet("load", path)
    check_rows(path, inputs, truth)
    assert len([file for file in os.listdir(f"{run}/answers") if file.isdigit()]) == 5
