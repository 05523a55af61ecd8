import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.tools.seccomp import SYSCALLS, seccomp_filter

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ATTRIBUTES = {"x86_64": range(188, 200), "aarch64": range(5, 17)}
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
CHECKED = ("clone", "ioctl", "prctl", "prlimit64", "socketpair", "sendto")
machines = pytest.mark.parametrize("machine", list(ARCHITECTURES))


def number(machine: str, name: str) -> int | None:
    """The number of an allowed call in the table."""
    for entry in SYSCALLS.split(";"):
        call, *columns = entry.split()
        if call == name:
            column = columns[list(ARCHITECTURES).index(machine)]
            return None if column == "-" else int(column)
    return None


def decided(machine: str, call: int, *arguments: int, architecture: int | None = None) -> int:
    """What the kernel would do: an interpreter of the few instructions that a filter has."""
    program = seccomp_filter(machine)
    assert program is not None
    kernel = architecture or ARCHITECTURES[machine]
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", call, kernel, 0, *padded)
    place = held = 0
    while True:
        code, yes, no, constant = struct.unpack_from("=HBBI", program, 8 * place)
        place += 1
        if code == 0x20:
            held = struct.unpack_from("<I", data, constant)[0]
        elif code == 0x06:
            return int(constant)
        else:
            tests = {0x15: held == constant, 0x25: held > constant, 0x35: held >= constant}
            tests[0x45] = bool(held & constant)
            place += yes if tests[code] else no


@machines
def test_what_is_in_the_table_is_allowed_and_nothing_else(machine: str) -> None:
    names = [entry.split()[0] for entry in SYSCALLS.split(";")]
    allowed = {number(machine, name) for name in names if name not in CHECKED}
    checked = {number(machine, name) for name in CHECKED}
    for call in {*range(2000), 0x3FFFFFFF} - checked:
        expected = ALLOW if call in allowed else ERRNO | errno.EPERM
        if call in ATTRIBUTES[machine]:
            expected = ERRNO | errno.ENOTSUP
        if call == 435 or (call >= 470 and call not in allowed):
            expected = ERRNO | errno.ENOSYS
        assert decided(machine, call) == expected, call


@machines
def test_other_architectures_are_killed(machine: str) -> None:
    assert decided(machine, 0, architecture=0x40000003) == KILL
    if machine == "x86_64":
        assert decided(machine, 0x40000000) == KILL
        assert decided(machine, 0xFFFFFFFF) == KILL


@given(high=st.integers(0, 2**32 - 1), low=st.integers(0, 2**32 - 1))
@machines
def test_arguments_are_read_as_the_kernel_reads_them(machine: str, high: int, low: int) -> None:
    word = high << 32 | low
    calls = {name: number(machine, name) or 0 for name in CHECKED}
    namespaces = bool(low & 0x7E020000)
    assert (decided(machine, calls["clone"], word) == ALLOW) is not namespaces
    assert (decided(machine, calls["socketpair"], word) == ALLOW) is (low == 1)
    assert (decided(machine, calls["sendto"], 0, 0, 0, 0, word) == ALLOW) is (word == 0)
    assert (decided(machine, calls["prlimit64"], word) == ALLOW) is (low == 0)
    assert decided(machine, calls["ioctl"], 0, high << 32 | 0x5412) == ERRNO | errno.ENOTTY
    assert decided(machine, calls["ioctl"], 0, high << 32 | 0x5401) == ALLOW
    assert decided(machine, calls["prctl"], high << 32 | 22) == ERRNO | errno.EPERM


def test_another_machine_has_no_filter() -> None:
    assert seccomp_filter("riscv64") is None
