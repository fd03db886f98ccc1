# SPDX-License-Identifier: GPL-2.0-or-later
"""A relay between gdb and a stub: it records gdb's packets, and can act as a stub that lacks some features."""

import re
import select
import socket
import threading


class Relay:
    """Listen at .path for the duration of a with block; .packets has the beginning of every packet from gdb.

    Packets that match refuse are answered as by a stub that does not know them. gdb's own remotelogfile
    has the same packets, at 4 ms each."""

    def __init__(self, path, stub, refuse=None):
        self.path, self.stub, self.refuse = str(path), str(stub), refuse
        self.packets = []

    def __enter__(self):
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(self.path)
        self.door.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.door.close()
        self.thread.join(10)

    def serve(self):
        gdb, _ = self.door.accept()
        with gdb, socket.socket(socket.AF_UNIX) as stub:
            stub.connect(self.stub)
            while True:
                for ready in select.select([gdb, stub], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    if ready is stub:
                        gdb.sendall(data)
                    else:
                        self.pass_on(data, gdb, stub)

    def pass_on(self, data, gdb, stub):
        asked = re.findall(rb"\$([^#]{0,40})", data)
        self.packets += asked
        if self.refuse and any(re.match(self.refuse, packet) for packet in asked):
            gdb.sendall(b"+$#00")
        else:
            stub.sendall(data)
