"""Two ways to freeze a peer: its process is stopped (its kernel still acknowledges what comes, until its buffer is full), or
its connection leads through a cable that is cut (nothing is acknowledged any more, and nobody is told)."""

import ctypes
import multiprocessing
import os
import select
import signal
import socket
import struct

from peer import WAIT_S

fork = multiprocessing.get_context("fork")


class Child:
    """A process that runs `work(control, ...)`, and can be stopped and let go on."""

    def __init__(self, work, *rest):
        self.control, theirs = fork.Pipe()
        self.process = fork.Process(target=self.run, args=(work, theirs, self.control, *rest), daemon=True)
        self.process.start()
        theirs.close()
        self.pid = self.process.pid

    @staticmethod
    def run(work, control, parents, *rest):
        parents.close()
        try:
            work(control, *rest)
        except (EOFError, BrokenPipeError, KeyboardInterrupt):
            pass

    def tell(self, word):
        self.control.send(word)

    def hear(self, timeout=WAIT_S):
        if not self.control.poll(timeout):
            raise TimeoutError(f"process {self.pid} said nothing for {timeout} s")
        return self.control.recv()

    def ask(self, word, timeout=WAIT_S):
        self.tell(word)
        return self.hear(timeout)

    def freeze(self):
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.control.close()


class Cable(Child):
    """A TCP proxy for one connection that swallows everything after `cut`, both ways, until it is mended.

    A socket filter drops each arriving segment before the kernel looks at it: nothing is acknowledged, as if the network
    were gone. Needs Linux, and no rights.
    """

    def __init__(self, router, transport):
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        super().__init__(self.relay, listener, router.address(transport))
        listener.close()

    @staticmethod
    def relay(control, listener, address):
        near, _ = listener.accept()
        far = socket.create_connection(address)
        other, whole = {near: far, far: near}, True
        # What was read from one end and not yet taken by the other.
        held = {near: b"", far: b""}
        while True:
            readers = [end for end in other if whole and not held[end]]
            writers = [other[end] for end in other if whole and held[end]]
            readers, writers, _ = select.select([control, *readers], writers, [])
            if control in readers:
                readers.remove(control)
                whole = control.recv() == "mend"
                for end in other:
                    set_filter(end, dropping=not whole)
                control.send(whole)
                continue
            try:
                for end in readers:
                    held[end] = end.recv(1 << 16)
                    if not held[end]:
                        return
                for end in writers:
                    held[other[end]] = held[other[end]][end.send(held[other[end]], socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                pass
            except OSError:
                return

    def cut(self):
        self.ask("cut")

    def mend(self):
        """Restores the connection; whether the proxy was still there."""
        try:
            return self.ask("mend")
        except (EOFError, OSError):
            return False


def set_filter(one, dropping):
    so_attach_filter, so_detach_filter, bpf_return = 26, 27, 0x06
    if not dropping:
        one.setsockopt(socket.SOL_SOCKET, so_detach_filter, 0)
        return
    program = ctypes.create_string_buffer(struct.pack("HBBI", bpf_return, 0, 0, 0))
    one.setsockopt(socket.SOL_SOCKET, so_attach_filter, struct.pack("HP", 1, ctypes.addressof(program)))
