"""The settings files of a Slurm cluster that lives on one host, in one folder, on the loopback device alone."""

import socket
from dataclasses import dataclass
from pathlib import Path

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Size:
    """nodes: slurmd processes; processors, memory_mb, gpus: what each claims to have (a GPU is a harmless device
    node); accounting: keep jobs in a database, which sacct reads."""

    nodes: int = 2
    processors: int = 4
    memory_mb: int = 32000
    gpus: int = 1
    accounting: bool = False

    @property
    def names(self) -> list[str]:
        return [f"n{number}" for number in range(1, self.nodes + 1)]


@dataclass(frozen=True)
class Ports:
    """One of each daemon; of the nodes one each."""

    controller: int
    database: int
    nodes: tuple[int, ...]


def free_ports(count: int) -> list[int]:
    """Ports of the loopback device on which nobody listens now."""
    taken = [socket.create_server((ADDRESS, 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def slurm_conf(folder: Path, user: str, size: Size, ports: Ports) -> str:
    """slurm.conf; the comments say what is not obvious, and where it leaves Slurm's defaults."""
    host = socket.gethostname().split(".")[0]
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={host} NodeAddr={ADDRESS} Port={port} CPUs={size.processors} "
        f"RealMemory={size.memory_mb} Gres=gpu:{size.gpus} State=UNKNOWN"
        for name, port in zip(size.names, ports.nodes, strict=True)
    )
    accounting = (
        f"""AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={ADDRESS}
AccountingStoragePort={ports.database}
# the way to the database has a setting of its own for munge's socket
AccountingStoragePass={folder}/munge.sock
AccountingStorageEnforce=associations,limits
AccountingStorageTRES=gres/gpu"""
        if size.accounting
        else "AccountingStorageType=accounting_storage/none"
    )
    return f"""ClusterName=local
SlurmctldHost={host}({ADDRESS})
SlurmctldPort={ports.controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock
# listen on the host name's address, which is that of the loopback device, instead of on all
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.own
SlurmdPidFile={folder}/%n.own
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
# no cgroups: an ordinary user may start it too
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
# nodes may claim more than the host has
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=5
DefMemPerCPU=100
# a node that is silent for so long is lost (Slurm's default: 300)
SlurmdTimeout=10
ReturnToService=2
MinJobAge=3600
{accounting}
GresTypes=gpu
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def gres_conf(size: Size) -> str:
    """gres.conf: GPUs must be device nodes, so harmless ones stand in for them."""
    devices = ["null", "zero", "full", "random", "urandom"][: size.gpus]
    names = ",".join(size.names)
    return "AutoDetect=off\n" + "".join(f"NodeName={names} Name=gpu File=/dev/{device}\n" for device in devices)


def slurmdbd_conf(folder: Path, user: str, ports: Ports) -> str:
    host = socket.gethostname().split(".")[0]
    return f"""AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
DbdHost={host}
DbdAddr={ADDRESS}
DbdPort={ports.database}
CommunicationParameters=NoInAddrAny
SlurmUser={user}
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser={user}
StorageLoc=slurm_acct
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.own
"""
