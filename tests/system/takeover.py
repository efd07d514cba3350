"""Plays a process of the daemon that has been taken over: makes system calls
inside of it, as ptrace(2) can, so that its filter and its Landlock stay on."""
import contextlib
import ctypes
import os
import platform
import re
import signal
import socket

import pytest

import processes
import sallyport

# The numbers of calls (x86-64).
CALLS = {"shutdown": 48, "connect": 42, "listen": 50, "fcntl": 72,
         "setsockopt": 54, "close": 3, "mremap": 25, "socket": 41, "write": 1}

_ATTACH, _DETACH, _STEP, _GETREGS, _SETREGS = 16, 17, 9, 12, 13
_REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi "
              "orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs "
              "gs").split()
_ARGUMENTS = "rdi", "rsi", "rdx", "r10", "r8", "r9"
_SYSCALL = b"\x0f\x05"
_BELOW_STACK = 1024     # where the process itself keeps nothing

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                         ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _REGISTERS]


def _ptrace(request, pid, data=None):
    if _libc.ptrace(request, pid, None, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace({request}): {os.strerror(number)}")


def _find_syscall(pid, memory):
    """The address of a SYSCALL instruction."""
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            first, last, rights = re.match(r"(\w+)-(\w+) (\S+)",
                                           line).groups()
            if rights[2] != "x":
                continue
            start, end = int(first, 16), int(last, 16)
            with contextlib.suppress(OSError):
                memory.seek(start)
                at = memory.read(end - start).find(_SYSCALL)
                if at >= 0:
                    return start + at
    raise AssertionError(f"{pid} makes no system call")


@contextlib.contextmanager
def _stopped(pid):
    """It stands still; skips the test where that cannot be had."""
    if platform.machine() != "x86_64":
        pytest.skip("calls are made inside of a process on x86-64 only")
    try:
        _ptrace(_ATTACH, pid)
    except PermissionError as problem:
        pytest.skip(f"this machine allows no tracing: {problem}")
    os.waitpid(pid, 0)
    yield
    with contextlib.suppress(OSError):
        _ptrace(_DETACH, pid)


def _call(pid, memory, at, name, arguments):
    before, now = _Registers(), _Registers()
    _ptrace(_GETREGS, pid, ctypes.byref(before))
    ctypes.pointer(now)[0] = before
    free = before.rsp - _BELOW_STACK
    for register, argument in zip(_ARGUMENTS, arguments):
        if isinstance(argument, bytes):
            memory.seek(free)
            memory.write(argument)
            argument = free
        setattr(now, register, argument & (1 << 64) - 1)
    # Nothing that was interrupted is begun again in between.
    now.rax, now.orig_rax, now.rip = CALLS[name], (1 << 64) - 1, at
    _ptrace(_SETREGS, pid, ctypes.byref(now))
    _ptrace(_STEP, pid)
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSTOPPED(status):
        return None
    assert os.WSTOPSIG(status) == signal.SIGTRAP, status
    _ptrace(_GETREGS, pid, ctypes.byref(now))
    _ptrace(_SETREGS, pid, ctypes.byref(before))
    return ctypes.c_longlong(now.rax).value


def inside(pid, *calls):
    """Makes calls in the process, such as ("shutdown", 5, 0), where bytes are
    passed by their address.  Returns what each returned: -errno if it failed,
    None if the process did not survive it."""
    returned = []
    with _stopped(pid), open(f"/proc/{pid}/mem", "r+b", 0) as memory:
        at = _find_syscall(pid, memory)
        for name, *arguments in calls:
            returned.append(_call(pid, memory, at, name, arguments))
            if returned[-1] is None:
                break
    return returned


def _as_sockaddr_un(path):
    return socket.AF_UNIX.to_bytes(2, "little") + os.fsencode(path) + b"\0"


def expect_refusals(one, control, victim, before=0):
    """Nothing is done that the process `victim` asks for at the control
    socket; `before`: how often that has been logged already."""
    for number, ask in enumerate([b"reload\n", b"upgrade\n",
                                  b"drain served\n", b"status\n"]):
        where = _as_sockaddr_un(control)
        [fd] = inside(
            victim, ("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0))
        assert fd >= 0
        assert inside(victim, ("connect", fd, where, len(where)),
                               ("write", fd, ask, len(ask))) == [0, len(ask)]
        with processes.borrow(victim, fd) as own:
            own.settimeout(sallyport.PATIENCE)
            answer = own.makefile("rb").read()
        assert answer == b"failed\na process of the daemon may not ask\n"
        one.wait_log(rf"error pid {victim}, a process of this daemon, was "
                     "refused on the control socket",
                     count=before + number + 1)
        assert inside(victim, ("close", fd)) == [0]
