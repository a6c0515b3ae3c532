"""U2: a caller that does not read costs the others nothing.

A callee echoes 64 KiB. Four callers measure; then a fifth issues calls, steadily or as fast as they are taken, and never reads
a result. The four lose nothing and stay as quick as before; the callee goes on and is never silent for so long that it could
be suspect; the router's memory hardly grows; the fifth is cut when its queue is full or has not moved for `queue.stall`, what
it had open is interrupted, and it is counted once as a slow consumer.

The times of the four are compared with those before by the 99th percentile and from 5 ms on; in the quick form, which may
share the machine with a compiler, by the 90th and from 100 ms on.
"""

import select
import time

from check import Memory, compare_times, mib, run
from freeze import Cable, Child
from peer import CALL, ERROR, EVENT, FORMS, INTERRUPT, INVOCATION, NAMES, RESULT, YIELD, Gone, Peer, now

PAYLOAD = "x" * 65_536
CALLS_OF_THE_FROZEN = 2_000
PACE_S = 0.01
STEADY_S = 0.005
GROWTH_MAX = 8 * 2**20
SLOW = 'wharf_refused_total{reason="slow_consumer"}'
SILENT = 'wharf_refused_total{reason="ping_timeout"}'


def callee(control, router, form, base):
    """Echoes, keeps one call open for ever, and says what it is asked."""
    peer = Peer(router, form).join()
    peer.register(base + ".echo")
    peer.register(base + ".hang")
    control.send(True)
    hanging, interrupted, silence, said = {}, [], 0, now()
    try:
        while True:
            ready, _, _ = select.select([peer, control], [], [])
            if control in ready:
                control.recv()
                control.send((silence, interrupted))
                silence = 0
            if peer not in ready:
                continue
            while (message := peer.receive(0)) is not None:
                if message[0] == INVOCATION and len(message) > 4 and message[4]:
                    peer.send(YIELD, message[1], {}, message[4])
                    silence, said = max(silence, now() - said), now()
                elif message[0] == INVOCATION:
                    hanging[message[1]] = True
                elif message[0] == INTERRUPT:
                    interrupted.append((message[1] in hanging, message[2].get("mode")))
                    peer.send(ERROR, INVOCATION, message[1], {}, "wamp.error.canceled")
    except Gone as end:
        control.send((f"the callee was cut: {end}", []))


def measuring_caller(control, router, form, base):
    """Calls at a steady pace, one call at a time; told anything, it gives the times since it was told last."""
    peer = Peer(router, form).join()
    control.send(True)
    times, lost = [], 0
    while True:
        began = now()
        answer = peer.ask(CALL, {}, base + ".echo", [PAYLOAD])
        times.append(now() - began)
        lost += answer[0] != RESULT or answer[3] != [PAYLOAD]
        if control.poll(max(0, began + PACE_S - now())):
            control.recv()
            control.send((times, lost))
            times = []


def deaf_caller(control, router, form, base, via, pace):
    """Opens one call that hangs, then issues calls every `pace` seconds while they are taken, and never reads."""
    peer = Peer(router, form, via).join()
    peer.start_call(base + ".hang")
    peer.socket.setblocking(False)
    control.send(peer.id)
    poll = select.poll()
    poll.register(peer.socket, select.POLLOUT)
    rest, sent = b"", 0
    while sent < CALLS_OF_THE_FROZEN and poll.poll(300):
        if not rest:
            time.sleep(pace)
            peer.request, sent = peer.request + 1, sent + 1
            rest = memoryview(peer.encode([CALL, peer.request, {}, base + ".echo", [PAYLOAD]]))
        try:
            rest = rest[peer.socket.send(rest) :]
        except BlockingIOError:
            pass
        except OSError:
            break
    control.send(sent)
    control.recv()


class Watch:
    """Looks at memory and the counter while time goes by."""

    def __init__(self, router):
        self.router, self.memory, self.cut_at = router, Memory(router), None
        self.peer = Peer(router, ("ws", "json")).join()
        self.peer.subscribe("wharf.session.on_overflow")
        self.peer.subscribe("wamp.session.on_leave")
        self.slow, self.silent, self.overflows = router.counter(SLOW), router.counter(SILENT), []

    def until(self, deadline, victim=None):
        """Until the deadline, or for a second after the victim was cut."""
        while now() < (min(deadline, self.cut_at + 1) if victim and self.cut_at else deadline):
            self.memory.look()
            message = self.peer.receive(0.05)
            if message and message[0] == EVENT:
                told = message[4][0]
                if isinstance(told, dict) and told.get("session") == victim:
                    self.overflows.append(told)
                if victim and victim == (told["session"] if isinstance(told, dict) else told) and not self.cut_at:
                    self.cut_at = now()


def case(found, router, number, form, way, pace):
    base = ".".join(["com.example.peers.u2", way, *form, "burst" if pace == 0 else "steady", f"r{number}"]).replace(" ", "_")
    echo = Child(callee, router, form, base)
    echo.hear()
    measuring = [Child(measuring_caller, router, form, base) for _ in range(4)]
    for one in measuring:
        one.hear()
    window = 1.5 if router.quick else 20
    watch = Watch(router)
    watch.until(now() + 0.5)
    for one in [*measuring, echo]:
        one.ask("from here")
    watch.until(now() + window)
    before = [took for one in measuring for took in one.ask("times")[0]]
    echo.ask("from here")
    watch.memory.rebase()

    cable = Cable(router, form[0]) if way == "cut off" else None
    deaf = Child(deaf_caller, router, form, base, cable and cable.address, pace)
    victim = deaf.hear()
    if cable:
        watch.until(now() + 0.05, victim)
        cable.cut()
    while not deaf.control.poll():
        watch.until(now() + 0.05, victim)
    sent, blocked = deaf.hear(), now()
    if not cable:
        deaf.freeze()
    bound = (max(router.stall, router.interval + router.timeout) if cable else router.stall) + 1.5
    watch.until(blocked + bound, victim)
    if not router.quick:
        watch.until(now() + window)

    answers = [one.ask("times") for one in measuring]
    after = [took for times, _ in answers for took in times]
    lost = sum(count for _, count in answers)
    silence, interrupted = echo.ask("how long")
    found.holds(lost == 0 and len(after) > 0.5 * len(before), f"the others lost {lost} of {len(after)} calls")
    compare_times(found, router, "the others", before, after)
    found.holds(isinstance(silence, float) and silence < router.suspect, f"the callee: {silence} s of silence")
    found.holds((True, "killnowait") in interrupted, f"its open call was not interrupted: {interrupted[:3]}")
    found.holds(watch.cut_at is not None, "it was never cut")
    took = (watch.cut_at or now()) - blocked
    found.holds(took <= bound, f"it was cut {took:.1f} s after the stall")
    found.tell(f"{sent} calls issued, cut {took:.1f} s after it could issue no more")
    if watch.slow is not None:
        slow, silent = router.counter(SLOW) - watch.slow, router.counter(SILENT) - watch.silent
        closed = [told for told in watch.overflows if told.get("closed")]
        # What is cut off may be given up for its silence while the kernel still holds all that is for it.
        by_silence = bool(cable) and (slow, silent, closed) == (0, 1, [])
        found.holds((slow, silent) == (1, 0) or by_silence, f"counted {slow:.0f} slow consumers, {silent:.0f} silent peers")
        found.holds(len(closed) == 1 or by_silence, f"wharf.session.on_overflow: {watch.overflows[:3]}")
    else:
        found.omit("counters: no --metrics")
    if watch.memory.start is not None:
        found.holds(watch.memory.peak < GROWTH_MAX, f"memory grew by {mib(watch.memory.peak)}")
        found.tell(f"memory {mib(watch.memory.peak)}")
    else:
        found.omit("memory: no --pid")


def cases(router):
    for form in router.forms():
        for word, pace in [("steady", STEADY_S), ("a burst", 0)]:
            # In the quick form each once: the combinations are for the full one.
            if not router.quick or (word == "steady") == (form[0] == "rs" or form[1] == "json"):
                yield f"stopped, {word}, {NAMES[form[0]]} {form[1]}", case, form, "stopped", pace
    yield "cut off, a burst, WebSocket json", case, FORMS[0], "cut off", 0


if __name__ == "__main__":
    run("U2", __doc__, cases)
