# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu in gdb, for a gdb that is attached to a Linux host (such as QEMU's gdb stub) or has its vmcore.

The analysis is in libkvmmmu-gdb.so, which is written in C. This module gives it gdb's memory, symbols and registers,
and prints its answers in gdb. kvmmmu.py loads it.
"""

import ctypes
import glob
import json
import os
import re
import signal
import threading

import gdb

# enum kvmmmu_outcome, enum kvmmmu_access: libkvmmmu.h
DONE, FAILED, INTERRUPTED = 1, 2, 3
NO_TARGET, PHYSICAL, VIRTUAL, CORE = range(4)

OUTCOME = ctypes.POINTER(ctypes.c_int)
U64 = ctypes.c_uint64
U64_P = ctypes.POINTER(U64)
KERNEL_HALF = 1 << 63


class Callbacks(ctypes.Structure):
    """struct kvmmmu_callbacks"""
    _fields_ = [
        ("read", ctypes.CFUNCTYPE(None, U64, ctypes.c_void_p, U64, OUTCOME)),
        ("symbol", ctypes.CFUNCTYPE(None, ctypes.c_char_p, U64_P, OUTCOME)),
        ("symbol_at", ctypes.CFUNCTYPE(None, U64, ctypes.c_void_p, U64, U64_P, OUTCOME)),
        ("registers", ctypes.CFUNCTYPE(None, ctypes.c_uint, U64_P, U64_P, U64_P, OUTCOME)),
        ("poll", ctypes.CFUNCTYPE(None, OUTCOME)),
        ("resume_for", ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_void_p, U64, OUTCOME)),
    ]


GONE = "the target has ended, or the connection to it"


def load_library():
    here = os.path.dirname(os.path.realpath(__file__))
    # as installed, or as built
    places = [os.path.join(here, folder, "libkvmmmu-gdb.so") for folder in ("", "../build")]
    found = next((place for place in places if os.path.exists(place)), places[-1])
    # PyDLL: keeps Python's lock while a command runs
    library = ctypes.PyDLL(os.environ.get("KVMMMU_GDB_LIBRARY", found))
    library.kvmmmu_open.restype = ctypes.c_void_p
    library.kvmmmu_open.argtypes = [ctypes.POINTER(Callbacks), ctypes.c_int] + 3 * [ctypes.c_char_p]
    library.kvmmmu_close.argtypes = [ctypes.c_void_p]
    library.kvmmmu_close.restype = None
    library.kvmmmu_run.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p),
                                   ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_void_p)]
    library.kvmmmu_free.argtypes = [ctypes.c_void_p]
    library.kvmmmu_free.restype = None
    library.kvmmmu_resume_for.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.kvmmmu_resume_for.restype = ctypes.c_void_p
    library.kvmmmu_command.argtypes = [ctypes.c_uint]
    library.kvmmmu_command.restype = ctypes.c_char_p
    library.kvmmmu_help.argtypes = [ctypes.c_char_p]
    library.kvmmmu_help.restype = ctypes.c_void_p
    library.kvmmmu_complete.argtypes = 2 * [ctypes.c_char_p]
    library.kvmmmu_complete.restype = ctypes.c_void_p
    return library


LIBRARY = load_library()


def take_text(pointer):
    """Return a text of the library as a str, and free it."""
    if not pointer:
        return ""
    text = ctypes.string_at(pointer).decode(errors="replace")
    LIBRARY.kvmmmu_free(pointer)
    return text


def block_ctrl_c():
    return signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


class AllowCtrlC:
    """Deliver Ctrl-C only inside this block, that is, within callbacks."""

    def __enter__(self):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def __exit__(self, *_):
        block_ctrl_c()


def callback(function):
    """Make a function for C: it stores its outcome in the last argument, and raises no exception."""
    def called(*arguments):
        outcome = arguments[-1]
        try:
            with AllowCtrlC():
                done = function(*arguments[:-1])
            outcome[0] = DONE if done else FAILED
        except KeyboardInterrupt:
            outcome[0] = INTERRUPTED
        except (gdb.error, RuntimeError, ValueError):
            outcome[0] = FAILED
    return called


def unsigned(value):
    return int(value) & ((1 << 64) - 1)


def register(name):
    return unsigned(gdb.parse_and_eval(f"${name}"))


def put_text(text, buffer, size):
    data = text.encode()[:size - 1] + b"\0"
    ctypes.memmove(buffer, data, len(data))


def has_frame():
    try:
        return bool(gdb.selected_frame())
    except gdb.error:
        return False


def in_condition():
    """Return whether gdb evaluates a breakpoint's condition: all threads are stopped, but gdb calls them running."""
    thread = gdb.selected_thread()
    return bool(thread) and thread.is_running() and not gdb.parameter("non-stop") and has_frame()


class Selection:
    """The thread and frame that the user selected, so that they can be restored."""

    def __init__(self):
        self.thread = gdb.selected_thread()
        self.level = 0
        try:
            self.level = gdb.selected_frame().level()
        except gdb.error:
            pass

    def restore(self, level=True):
        if not self.thread or not self.thread.is_valid():
            return
        now = gdb.selected_thread()
        if now and now.ptid == self.thread.ptid:
            return
        self.thread.switch()
        if level and self.level:
            frame = gdb.newest_frame()
            for _ in range(self.level):
                frame = frame.older() or frame
            frame.select()


def threads():
    return sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num)


class PhysicalMode:
    """QEMU's physical-memory mode: while it is on, gdb reads physical memory only."""

    def __init__(self, connection):
        self.connection = connection
        self.was = self.ask()
        self.is_on = self.was == b"1"

    def ask(self):
        try:
            return self.connection.send_packet(b"qqemu.PhyMemMode")
        except (AttributeError, gdb.error, RuntimeError):
            return b""

    @property
    def supported(self):
        return self.was in (b"0", b"1")

    def set(self, on):
        if on != self.is_on:
            if self.connection.send_packet(b"Qqemu.PhyMemMode:%d" % on) != b"OK":
                raise gdb.error("the stub does not accept its physical-memory mode")
            self.is_on = on

    def restore(self):
        try:
            self.set(self.was == b"1")
        except (gdb.error, RuntimeError):
            pass  # the connection is gone


class Host:
    """One target of gdb, as the library sees it."""

    def __init__(self, key, access, name):
        self.key, self.access, self.name = key, access, name
        self.physical = None
        self.vcpus = (None, [])
        self.symbols = {}  # name to address; None: unknown to gdb
        self.symbols_changed = False
        self.callbacks = Callbacks(*(kind(callback(getattr(self, "do_" + field)))
                                     for field, kind in Callbacks._fields_))
        self.handle = LIBRARY.kvmmmu_open(ctypes.byref(self.callbacks), access, f"gdb {gdb.VERSION}".encode(),
                                          name.encode(), debug_place())
        if not self.handle:
            raise gdb.GdbError("kvmmmu: out of memory")

    def close(self):
        LIBRARY.kvmmmu_close(self.handle)

    def enter(self):
        """Prepare for a command. Return why the target changes meanwhile, or None."""
        inferior = gdb.selected_inferior()
        self.selection = Selection()
        self.physical = None
        moving = "it is the running kernel" if self.name == "/proc/kcore" else None
        if self.access in (PHYSICAL, VIRTUAL):
            check_architecture(inferior)
            running = 0 if in_condition() else sum(thread.is_running() for thread in inferior.threads())
            if running:
                moving = f"{running} of {len(inferior.threads())} CPUs are running"
        if self.access == PHYSICAL:
            self.physical = PhysicalMode(inferior.connection)
        elif self.access == VIRTUAL:
            go_to_kernel(self.selection.thread)
        return moving

    def leave(self):
        """Restore everything; may be called more than once."""
        if self.physical:
            self.physical.restore()
        if self.access in (PHYSICAL, VIRTUAL):
            self.selection.restore()

    def virtually(self):
        """Let gdb read kernel addresses itself."""
        if self.physical:
            self.physical.set(False)

    def do_read(self, address, buffer, length):
        if self.physical:
            self.physical.set(True)
        data = gdb.selected_inferior().read_memory(address, length)
        ctypes.memmove(buffer, bytes(data), length)
        return True

    def do_symbol(self, name, address):
        if name not in self.symbols:
            self.symbols[name] = self.find_symbol(name.decode())
        if self.symbols[name] is None:
            return False
        address[0] = self.symbols[name]
        return True

    def find_symbol(self, name):
        if not gdb.objfiles():
            return None
        self.virtually()
        try:
            # "::": not a local variable of the selected frame
            return int(gdb.execute(f"with language c -- output/x (unsigned long)&::{name}", to_string=True), 16)
        except gdb.error:
            return None

    def do_symbol_at(self, address, buffer, size, offset):
        self.virtually()
        said = re.match(r"(\S+)(?: \+ (\d+))? in section", gdb.execute(f"info symbol {address:#x}", to_string=True))
        if said:
            put_text(said[1], buffer, size)
            offset[0] = int(said[2] or 0)
        return bool(said)

    def do_registers(self, cpu, rip, rsp, rbp):
        self.virtually()
        here = Selection()
        try:
            threads()[cpu].switch()
            rip[0], rsp[0], rbp[0] = register("rip"), register("rsp"), register("rbp")
        except IndexError:
            return False
        finally:
            here.restore()
        return True

    def do_poll(self):
        return True

    def do_resume_for(self, milliseconds, why, size):
        try:
            self.virtually()
            resume_for(milliseconds)
            ended = "" if gdb.selected_inferior().pid else GONE
        except (gdb.error, RuntimeError) as error:
            ended = str(error).strip() or GONE
        if ended:
            put_text(ended, why, size)
            return False
        if self.access == VIRTUAL:
            go_to_kernel(self.selection.thread)
        return True

    def run(self, words):
        """Run a command. Return its answer and its errors."""
        argv = (ctypes.c_char_p * (len(words) + 1))(*(word.encode() for word in words), None)
        out, errors = ctypes.c_void_p(), ctypes.c_void_p()
        before = block_ctrl_c()
        try:
            try:
                moving = self.enter()
                LIBRARY.kvmmmu_run(self.handle, moving and moving.encode(), len(words), argv,
                                   ctypes.byref(out), ctypes.byref(errors))
            finally:
                self.leave()
        except KeyboardInterrupt:
            # it was pressed just before it was blocked; it cannot come twice
            self.leave()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return take_text(out.value), take_text(errors.value)

    def resume_for(self, milliseconds):
        """Resume the target as explain --watch does. Return None, or the error."""
        before = block_ctrl_c()
        try:
            self.enter()
            return take_text(LIBRARY.kvmmmu_resume_for(self.handle, milliseconds)) or None
        finally:
            self.leave()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def debug_place():
    """Return where debuginfo is: $KVMMMU_DEBUGINFO, or the file that gdb reads symbols from."""
    place = os.environ.get("KVMMMU_DEBUGINFO")
    if not place:
        place = next((file.filename for file in gdb.objfiles()
                      if file.filename and re.search(r"vmlinux|\.ko(\.debug)?$", file.filename)), None)
    return place and place.encode()


def check_architecture(inferior):
    name = inferior.architecture().name()
    if "x86-64" not in name:
        raise gdb.GdbError(f"kvmmmu: gdb assumes that the target is {name}: use \"set architecture i386:x86-64\"")


def go_to_kernel(selected):
    """Select a CPU that is in the kernel, whose page tables map it; the selected one if possible."""
    all_stopped = in_condition()
    for thread in [selected, *threads()]:
        if thread and (all_stopped or not thread.is_running()):
            thread.switch()
            if register("rip") >= KERNEL_HALF:
                return
    if selected:
        selected.switch()


def has_tui():
    try:
        return "not active" not in gdb.execute("info win", to_string=True)
    except gdb.error:
        return False


def flush():
    """Write what gdb has printed: where to_string is in effect, gdb.flush() does not reach the terminal's buffer."""
    gdb.flush()
    ctypes.CDLL(None).fflush(None)


class Quiet:
    """Hide what gdb prints about each stop despite to_string, and turn off paging for that output."""

    def __enter__(self):
        self.pages = gdb.parameter("pagination")
        gdb.execute("set pagination off", to_string=True)
        flush()
        self.out = None
        if not has_tui():  # which draws on the same file
            self.out = os.dup(1)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.close(nowhere)

    def __exit__(self, *_):
        flush()
        if self.out is not None:
            os.dup2(self.out, 1)
            os.close(self.out)
        if self.pages:
            gdb.execute("set pagination on", to_string=True)


def resume_for(milliseconds):
    """Resume the target for a while, with breakpoints disabled; restore them and the thread."""
    if gdb.parameter("non-stop"):
        raise gdb.error("in non-stop mode kvmmmu does not resume the target")
    here = Selection()
    disabled = [point for point in gdb.breakpoints() if point.enabled]
    locking = gdb.parameter("scheduler-locking")
    state = {"over": False, "asked": False}

    def stop():
        if not state["over"]:
            state["asked"] = True
            gdb.execute("interrupt")

    timer = threading.Timer(milliseconds / 1000, gdb.post_event, [stop])
    timer.daemon = True
    try:
        for point in disabled:
            point.enabled = False
        if locking == "on":
            gdb.execute("set scheduler-locking off", to_string=True)
        every = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        timer.start()  # with signals blocked: gdb handles them, not this thread
        signal.pthread_sigmask(signal.SIG_SETMASK, every)
        with Quiet():
            try:
                gdb.execute("continue", to_string=True)
            finally:
                block_ctrl_c()
    finally:
        state["over"] = True
        timer.cancel()
        if locking == "on":
            gdb.execute("set scheduler-locking on", to_string=True)
        for point in disabled:
            if point.is_valid():
                point.enabled = True
        here.restore(level=False)
    if not state["asked"]:
        raise KeyboardInterrupt


HOST = None


def core_file(inferior):
    core = getattr(inferior, "corefile", None)
    if core:
        return os.path.realpath(core.filename)
    said = re.search(r"core dump file:\s+`(.*)', file type", gdb.execute("info files", to_string=True))
    return os.path.realpath(said[1]) if said else None


def host():
    """Return the Host of gdb's current target; a new one if the target has changed."""
    global HOST
    inferior = gdb.selected_inferior()
    connection = inferior.connection
    key = (inferior.num, connection and (connection.num, connection.type, connection.details))
    if connection is None or connection.type == "exec":
        access, name = NO_TARGET, "nothing"
    elif connection.type == "core":
        access, name = CORE, core_file(inferior)
        key += (name,)
        if not name:
            raise gdb.GdbError("kvmmmu: gdb does not report which file its core is")
    elif connection.type == "native":
        raise gdb.GdbError("kvmmmu: this gdb is attached to a process, not to a kernel")
    else:
        access, name = VIRTUAL, connection.details or connection.type
        thread = gdb.selected_thread()
        if not thread or (thread.is_running() and not in_condition()):
            raise gdb.GdbError("kvmmmu: the selected CPU is running: stop it first (Ctrl-C, or interrupt)")
    if HOST and HOST.key == key and not HOST.symbols_changed:
        return HOST
    if access == VIRTUAL and PhysicalMode(connection).supported:
        access = PHYSICAL
    if HOST:
        HOST.close()
        HOST = None
    HOST = Host(key, access, name)
    return HOST


def answer(words):
    """Return the answer of a command; raise an error of gdb if it has none."""
    out, errors = host().run(words)
    if errors:
        raise gdb.GdbError(errors.rstrip("\n"))
    return out


def ask(words):
    """Return the answer of a command as JSON."""
    return json.loads(answer([*words, "-j"]))


def known_vcpus():
    """Return VM:INDEX of all vCPUs, for completion; read once for each stop."""
    here = host()
    if here.vcpus[0] != STOPS:
        vms = ask(["vms"])["vms"]
        here.vcpus = (STOPS, [f"{vm['vm']['number']}:{vcpu['index']}" for vm in vms for vcpu in vm["vcpus"]])
    return here.vcpus[1]


STOPS = 0


def count_stop(_event):
    global STOPS
    STOPS += 1



def forget_symbols(_event):
    """Check again whether gdb's symbols fit, because gdb has loaded others."""
    if HOST:
        HOST.symbols_changed = True


class Prefix(gdb.Command):
    def __init__(self):
        self.__doc__ = take_text(LIBRARY.kvmmmu_help(None))
        super().__init__("kvmmmu", gdb.COMMAND_DATA, prefix=True)

    def invoke(self, arguments, _from_tty):
        if arguments:
            raise gdb.GdbError(f"Undefined kvmmmu command: \"{arguments}\".  Try \"help kvmmmu\".")
        gdb.execute("help kvmmmu")


class Command(gdb.Command):
    def __init__(self, name):
        self.name = name
        self.__doc__ = take_text(LIBRARY.kvmmmu_help(name.encode()))
        super().__init__(f"kvmmmu {name}", gdb.COMMAND_DATA)

    def invoke(self, arguments, _from_tty):
        words = gdb.string_to_argv(arguments)
        if "|" in words:
            raise gdb.GdbError(f"kvmmmu: for a shell command use \"pipe kvmmmu {self.name} {arguments}\"")
        gdb.write(answer([self.name, *words]))

    def complete(self, text, word):
        words = text.split()
        last = words.pop() if words and not text[-1:].isspace() else ""
        try:
            found = list(self.candidates(words, last))
        except (gdb.error, gdb.GdbError, KeyboardInterrupt):
            found = []
        # gdb's word may begin within ours: after a ":" or a "/"
        known = len(last) - len(word or "")
        return [one[known:] for one in found if one.startswith(last)]

    def candidates(self, words, last):
        before = words[-1].encode() if words else None
        for one in take_text(LIBRARY.kvmmmu_complete(self.name.encode(), before)).split():
            if one == "<file>":
                yield from (path + "/" * os.path.isdir(path) for path in glob.glob(glob.escape(last) + "*"))
            elif one in ("<vm>", "<vcpu>"):
                if not last.startswith("-"):
                    yield from named(one, words)
            elif last or not one.startswith("-"):
                yield one


def named(kind, words):
    """Return all VMs or vCPUs; nothing if the words already contain one."""
    vcpus = known_vcpus()
    names = vcpus if kind == "<vcpu>" else sorted({vcpu.split(":")[0] for vcpu in vcpus}, key=int)
    return [] if set(words) & set(names) else names


class Ask(gdb.Function):
    """$_kvmmmu(COMMAND [, PATH]): one value from the JSON of a command.

    $_kvmmmu("vms", "vms[1].vcpus[0].pf_spurious") returns a number; strings such as "0x12" are also
    returned as numbers. Without PATH, all of the JSON is returned as a string."""

    def __init__(self):
        super().__init__("_kvmmmu")

    def invoke(self, command, path=None):
        said = ask(gdb.string_to_argv(command.string()))
        if path is None:
            return json.dumps(said)
        return to_gdb(follow(said, path.string()), path.string())


class Spte(gdb.Function):
    """$_kvmmmu_spte(GPA [, VCPU]): the SPTE at which the walk for GPA ends.

    VCPU is given as in "kvmmmu walk"; the default is "0". If it is a string or a pointer, it may also
    come first."""

    def __init__(self):
        super().__init__("_kvmmmu_spte")

    def invoke(self, *values):
        vcpu, values = take_vcpu(values, 1)
        if len(values) != 1:
            raise gdb.GdbError("usage: $_kvmmmu_spte(GPA [, VCPU])")
        said = ask(["walk", vcpu_word(vcpu), f"{unsigned(values[0]):#x}"])
        levels = said["walk"]["levels"]
        if not levels:
            raise gdb.GdbError(f"kvmmmu: no SPTE: {said['walk']['end']}")
        return to_gdb(follow(levels[-1], "spte.value"), "spte.value")


class Verdict(gdb.Function):
    """$_kvmmmu_verdict(VCPU [, ADDRESS, ERROR_CODE]): what "kvmmmu fault" finds, in one line.

    The value is "none", or the findings with their certainty, such as "spurious-loop:likely". If VCPU
    is a string or a pointer, it may also come later."""

    def __init__(self):
        super().__init__("_kvmmmu_verdict")

    def invoke(self, *values):
        vcpu, values = take_vcpu(values, 0)
        if vcpu is None or len(values) > 2:
            raise gdb.GdbError("usage: $_kvmmmu_verdict(VCPU [, ADDRESS, ERROR_CODE])")
        words = ["fault", vcpu_word(vcpu)]
        if values:
            error = unsigned(values[1]) if len(values) > 1 else 0
            words += ["-a", f"{unsigned(values[0]):#x}", "-e", f"{error:#x}"]
        return " ".join(f"{one['id']}:{one['certainty']}" for one in findings(ask(words))) or "none"


class Sym(gdb.Function):
    """$_kvmmmu_sym(NAME): the address of a symbol of kvm, of its vendor module or of vmlinux.

    break *$_kvmmmu_sym("kvm_tdp_page_fault")"""

    def __init__(self):
        super().__init__("_kvmmmu_sym")

    def invoke(self, name):
        said = ask(["sym", name.string()])
        return to_gdb(follow(said, "address"), "address")


def is_string(value):
    return value.type.strip_typedefs().code in (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_STRING)


def take_vcpu(values, place):
    """Return the argument that names a vCPU (a string or pointer, else the one at place), and the others."""
    values = list(values)
    named = [i for i, value in enumerate(values)
             if is_string(value) or value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR]
    place = named[0] if named else place
    return (values.pop(place) if place < len(values) else None), values


def vcpu_word(value):
    if value is None:
        return "0"
    if is_string(value):
        return value.string()
    number = unsigned(value)
    return str(number) if number < 1 << 32 else f"{number:#x}"  # INDEX, or a struct kvm_vcpu


def findings(node):
    """Return all findings in an answer, at any depth."""
    if isinstance(node, list):
        return [found for one in node for found in findings(one)]
    if not isinstance(node, dict):
        return []
    own = [one for one in node.get("findings", []) if "certainty" in one]
    return own + [found for key, one in node.items() if key != "findings" for found in findings(one)]


def follow(node, path):
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            node = node[int(index)] if index else node[name]
        except (KeyError, IndexError, TypeError):
            raise gdb.GdbError(f"kvmmmu: the answer has no \"{path}\"") from None
    return node


def to_gdb(value, path):
    if value is None:
        raise gdb.GdbError(f"kvmmmu: {path} is not known")
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]+", value):
        return gdb.Value(int(value, 16))
    return value


def register_commands():
    gdb.events.stop.connect(count_stop)
    gdb.events.new_objfile.connect(forget_symbols)
    gdb.events.clear_objfiles.connect(forget_symbols)
    Prefix()
    index = 0
    while (name := LIBRARY.kvmmmu_command(index)) is not None:
        Command(name.decode())
        index += 1
    Ask()
    Spte()
    Sym()
    Verdict()


register_commands()
