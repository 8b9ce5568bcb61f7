"""Keep a Slurm cluster alive until standard input ends: whoever started this may be killed and leaves nothing behind.

Run as ``python -m cluster.keeper SIZE`` in tests/; prints one line of JSON when all nodes are up, or an error in one
line on standard error.
"""

import contextlib
import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from cluster.config import ADDRESS, Ports, Size, free_ports, gres_conf, slurm_conf, slurmdbd_conf
from cluster.processes import processes_of

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"


class Keeper:
    """The daemons of one cluster, and the folder in which they keep all that they write."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.folder, self.size, self.user = folder, size, getpass.getuser()
        controller, database, *nodes = free_ports(2 + size.nodes)
        self.ports = Ports(controller, database, tuple(nodes))
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Bring all up; RuntimeError with the daemon's last words where one does not."""
        self.write_files()
        munge, conf = self.folder / "munge.sock", self.folder / "slurm.conf"
        self.launch(
            "munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key", f"--socket={munge}",
            f"--pid-file={self.folder}/munged.own", f"--log-file={self.folder}/munged.log",
            f"--seed-file={self.folder}/munged.seed",
        )  # fmt: skip
        self.wait("munged", 10, munge.exists)
        if self.size.accounting:
            self.start_accounting()
        self.launch("slurmctld", "-f", str(conf), "-c", "-D")
        # a node that finds nobody listening asks again after seconds only
        self.wait("slurmctld", 20, lambda: listening(self.ports.controller))
        for name in self.size.names:
            self.launch("slurmd", "-f", str(conf), "-N", name, "-D", label=name)
        self.wait(
            "slurmctld", 30, lambda: self.ask("sinfo", "-h", "-N", "-o", "%t").split() == ["idle"] * self.size.nodes
        )

    def write_files(self) -> None:
        for name in ("state", *(f"spool/{name}" for name in self.size.names), "bin"):
            (self.folder / name).mkdir(parents=True)
        self.write("munge.key", secrets.token_hex(512), 0o600)
        self.write("slurm.conf", slurm_conf(self.folder, self.user, self.size, self.ports))
        self.write("gres.conf", gres_conf(self.size))
        self.write("slurmdbd.conf", slurmdbd_conf(self.folder, self.user, self.ports), 0o600)
        # Snakemake's jobstep executor forgets SLURM_CONF before it calls srun; a site's lies in /etc/slurm
        srun = shutil.which("srun", path=PATH)
        self.write("bin/srun", f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {srun} "$@"\n', 0o755)

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.folder / name
        path.touch(mode)
        path.write_text(text)
        path.chmod(mode)

    def start_accounting(self) -> None:
        """MariaDB without a network, the accounting daemon on it, and one account."""
        data, mysql = self.folder / "database", self.folder / "mysql.sock"
        self.ask(
            "mariadb-install-db", "--no-defaults", f"--user={self.user}", f"--datadir={data}", "--skip-test-db",
            "--auth-root-authentication-method=socket", f"--auth-root-socket-user={self.user}", "--skip-name-resolve",
        )  # fmt: skip
        self.launch(
            "mariadbd", "--no-defaults", f"--user={self.user}", f"--datadir={data}", f"--socket={mysql}",
            f"--pid-file={self.folder}/mariadbd.own", "--skip-networking", "--skip-log-bin",
            "--performance-schema=OFF", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M",
            "--innodb-lock-wait-timeout=900", "--innodb-flush-log-at-trx-commit=0",
        )  # fmt: skip
        self.wait("mariadbd", 30, mysql.exists)
        self.environment["MYSQL_UNIX_PORT"] = str(mysql)  # slurmdbd.conf has no setting for it
        self.launch("slurmdbd", "-D")
        self.wait("slurmdbd", 30, lambda: listening(self.ports.database))
        for words in (
            "cluster local",
            "account lab Cluster=local Description=lab Organization=lab",
            f"user {self.user} Account=lab DefaultAccount=lab Cluster=local",
        ):
            self.ask("sacctmgr", "-i", "add", *words.split())

    def launch(self, program: str, *arguments: str, label: str = "") -> None:
        with (self.folder / f"{label or program}.out").open("wb") as out:
            self.daemons[label or program] = subprocess.Popen(
                [program, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def wait(self, daemon: str, seconds: float, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline or self.daemons[daemon].poll() is not None:
                said = (self.folder / f"{daemon}.out").read_text(errors="replace").strip().splitlines()
                raise RuntimeError(f"{daemon} did not come up: {said[-1] if said else 'it said nothing'}")
            time.sleep(0.05)

    def ask(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def stop(self) -> None:
        """End jobs, then daemons, those first that write through others; then whatever of it still runs."""
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):  # a controller that is gone has no jobs
            self.ask("scancel", f"--user={self.user}")
        for name, daemon in reversed(self.daemons.items()):
            daemon.terminate()
            try:
                daemon.wait(10 if name in ("mariadbd", "slurmdbd") else 3)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for process in processes_of(self.environment["SLURM_CONF"]):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((ADDRESS, port)) == 0


def main() -> None:
    # from here on a signal ends the wait below like the end of standard input
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    # short: a socket's path has 108 characters at most
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        keeper = Keeper(Path(folder), Size(**json.loads(sys.argv[1])))
        try:
            keeper.start()
            variables = {"SLURM_CONF": keeper.environment["SLURM_CONF"], "PATH": f"{folder}/bin:{PATH}"}
            pids = {name: daemon.pid for name, daemon in keeper.daemons.items()}
            print(json.dumps({"folder": folder, "variables": variables, "pids": pids}), flush=True)
            sys.stdin.read()
        except RuntimeError as error:
            sys.exit(f"error: {error}")
        finally:
            keeper.stop()


if __name__ == "__main__":
    main()
